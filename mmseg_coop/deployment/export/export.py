"""Export a trained model to one file, and compare it with PyTorch first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ...checkpoints.atomic_backend import AtomicBackend
from ...cost.timing import seconds_in_turn
from ...wording import first_line
from .agreement import Agreement, compare, host_prediction
from .deployed_model import DeployedModel
from .formats import (
    OPSETS,
    Run,
    check_onnx,
    run_onnx,
    run_torch,
    to_onnx,
    to_torch,
)
from .record_graph import left_out, record

FORMATS = {'onnx': '.onnx', 'torch': '.pt2'}
# Sets of axes of images, (N, C, H, W), that may vary; the largest first.
_VARIABLE = ({0: 'batch', 2: 'height', 3: 'width'}, {0: 'batch'}, {})
_TURNS = 5
# What networks raise for images of a size that they can't take.
_REFUSALS = (AssertionError, IndexError, RuntimeError, ValueError)
# Seconds for recording with variable size, which for some networks takes hours.
_PATIENCE = 600


@dataclass(frozen=True)
class Exported:
    """Result of an export, and its comparison with PyTorch.

    Attributes:
        size: Size of the file in bytes.
        outputs: Names of its outputs.
        variable: Axes of the images that may vary.
        refused: Reasons why no more axes may vary, by the axes.
        parameters: Number of parameters in the file.
        dead: Number of the model's parameters that are left out, by part.
        agreement: Agreement with PyTorch on the images.
        image: Height and width of the image that was timed.
        latency: Seconds of the exported model, median.
        pytorch_latency: Seconds of PyTorch, measured in turn.
    """

    size: int
    outputs: tuple[str, ...]
    variable: str
    refused: Mapping[str, str]
    parameters: int
    dead: Mapping[str, int]
    agreement: Agreement
    image: tuple[int, int]
    latency: float
    pytorch_latency: float

    def summary(self) -> str:
        """Format as lines to print."""
        left_out = ', '.join(f'{part} {n:,}' for part, n in self.dead.items())
        agreement = self.agreement
        height, width = self.image
        lines = [
            f'outputs: {", ".join(self.outputs)}',
            f'may vary: {self.variable}',
            *(f'  not {what}: {why}' for what, why in self.refused.items()),
            f'parameters: {self.parameters:,}; left out {sum(self.dead.values()):,}'
            + (f' ({left_out})' if left_out else ''),
            f'file: {self.size / 1e6:.1f} MB',
            f'largest difference of probabilities: {agreement.difference:.1e}; other '
            f'labels: {agreement.ties} of {agreement.pixels:,} pixels, all ties',
            f'latency at {height} x {width}: {self.latency * 1e3:.1f} ms, PyTorch '
            f'{self.pytorch_latency * 1e3:.1f} ms ({torch.get_num_threads()} threads)',
        ]
        return '\n'.join(lines)


def export_model(
    model: nn.Module,
    images: Sequence[Tensor],
    out: Path,
    format: str = 'onnx',
    opset: int = OPSETS[-1],
    size: tuple[int, int] | None = None,
    preprocess: bool = False,
    uncertainty: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Exported:
    """Export a model, compare it with PyTorch on images, and only then write the file.

    If recording with variable size fails, takes more than ten minutes, or gives other
    results than PyTorch at some size, the file is for images of one size.

    Args:
        model: An ``EncoderDecoder`` or ``CooperativeEncoderDecoder``.
        images: Images as the data preprocessor takes them, (C, H, W).
        out: The file.
        format: ``onnx`` or ``torch``.
        opset: Version of ONNX's operators.
        size: Fixed height and width of images. Default: variable, if the network
            allows it.
        preprocess: Whether the data preprocessor is part of the file.
        uncertainty: Whether entropy and disagreement are outputs.
        metadata: Further metadata of the file.

    Raises:
        ValueError: If the model can't be exported, or gives other results than PyTorch.
        OSError: If the file can't be written.
    """
    suffix = FORMATS[format]
    if out.suffix != suffix:
        raise ValueError(
            f'--out: found {out}, expected a file with suffix {suffix} for --format '
            f'{format}'
        )
    if format == 'onnx':
        check_onnx(opset)
    model = model.eval()
    images = _prepared(model, images, size, preprocess)
    deployed = DeployedModel(model, preprocess, uncertainty).eval()
    host = partial(host_prediction, model, preprocess)

    @torch.no_grad()
    def expected(image: Tensor) -> dict[str, Tensor]:
        # The model's own prediction has no entropy.
        return deployed(image) | host(image) if uncertainty else host(image)

    try:
        known = [(image, expected(image)) for image in images]
    except _REFUSALS as error:
        height, width = images[0].shape[2:]
        raise ValueError(
            f"--size: the model can't take images of {height} x {width} (height x "
            f'width) pixels ({first_line(error)})'
        ) from error
    outputs = tuple(known[0][1])
    refused: dict[str, str] = {}
    for axes in _VARIABLE:
        if size and 2 in axes:
            continue
        variable = ', '.join(axes.values()) or 'nothing'
        try:
            patience = _PATIENCE if 2 in axes else 0
            program = record(deployed, images[0], axes, patience)
            told = dict(metadata or {}, varies=variable)
            if format == 'onnx':
                data = to_onnx(program, axes, outputs, opset, told)
                run = run_onnx(data)
            else:
                data = to_torch(program, told)
                run = run_torch(data)
            others = _predicted_others(images, axes, expected)
            agreement = compare([*known, *others], run, deployed.threshold)
        except ValueError as error:
            refused[variable] = str(error)
            continue
        AtomicBackend().put(data, out)
        calls = dict(host=lambda: host(images[0]), ours=lambda run=run: run(images[0]))
        times = seconds_in_turn(calls, _TURNS)
        return Exported(
            size=len(data),
            outputs=outputs,
            variable=variable,
            refused=refused,
            parameters=sum(p.numel() for p in program.parameters()),
            dead=left_out(deployed, program),
            agreement=agreement,
            image=tuple(images[0].shape[2:]),
            latency=median(times['ours']),
            pytorch_latency=median(times['host']),
        )
    reasons = '; '.join(f'with {what} to vary: {why}' for what, why in refused.items())
    raise ValueError(f"the model can't be exported ({reasons})")


@torch.no_grad()
def _prepared(
    model: nn.Module,
    images: Sequence[Tensor],
    fixed: tuple[int, int] | None,
    preprocess: bool,
) -> list[Tensor]:
    """Resize images to one size, (1, C, H, W), and preprocess them as needed."""
    size = fixed or tuple(images[0].shape[1:])
    if min(size) < 1:
        raise ValueError(f'--size: found {size[0]} {size[1]}, expected 1 or more')
    test_cfg = model.test_cfg or {}
    if test_cfg.get('mode') == 'slide':
        window = tuple(map(min, zip(size, test_cfg['crop_size'], strict=True)))
        if fixed and window != size:
            raise ValueError(
                f'--size: found {size[0]} {size[1]}, expected the window or less, '
                f"{window[0]} {window[1]}: a model with test_cfg.mode='slide' is "
                'exported for one window; --cfg-options model.test_cfg.mode=whole '
                'exports it for whole images'
            )
        size = window
    images = [F.interpolate(x[None].float(), size).to(x.dtype) for x in images]
    if preprocess:
        return images
    sample = SegDataSample(metainfo=dict(img_shape=size))
    batches = [dict(inputs=[image[0]], data_samples=[sample]) for image in images]
    return [model.data_preprocessor(batch, False)['inputs'] for batch in batches]


def _predicted_others(
    images: Sequence[Tensor], axes: Mapping[int, str], predict: Run
) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Predict a batch and an image of another size, if these may vary."""
    others = []
    if 0 in axes:
        others.append(torch.cat([images[0], images[-1].flip(3)]))
    if 2 in axes:
        # Odd, so that no stride divides them.
        height, width = (max(side * 3 // 4, 1) | 1 for side in images[0].shape[2:])
        others.append(images[0][..., :height, :width].contiguous())
    for image in others:
        with suppress(*_REFUSALS):
            yield image, predict(image)
