"""Write exported models as ONNX or PyTorch programs, and run them."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from ...quiet import quiet_exporters
from ...wording import first_line

# Opsets that PyTorch's exporter writes.
OPSETS = range(18, 24)
INPUT = 'image'
# Name of the metadata, as JSON, in both formats.
METADATA = 'mmseg_coop'
_NEEDED = ('onnx', 'onnxruntime', 'onnxscript')

Run = Callable[[Tensor], dict[str, Tensor]]


def check_onnx(opset: int) -> None:
    """Check that ONNX can be written.

    Raises:
        ValueError: If packages are missing, or the opset is too old or new.
    """
    try:
        for name in _NEEDED:
            import_module(name)
    except ImportError as error:
        raise ValueError(
            f"--format onnx: {error}; pip install 'mmseg_coop[export]'"
        ) from error
    if opset not in OPSETS:
        raise ValueError(
            f'--opset: found {opset}, expected {OPSETS.start} to {OPSETS[-1]}, which '
            f'PyTorch {torch.__version__} can export to'
        )


def to_onnx(
    program: ExportedProgram,
    axes: Mapping[int, str],
    outputs: Sequence[str],
    opset: int,
    metadata: Mapping[str, Any],
) -> bytes:
    """Convert a recorded model to ONNX, in one file, with names of axes and outputs.

    Raises:
        ValueError: If an operator has no counterpart, or the model is too large.
    """
    try:
        with quiet_exporters():
            converted = torch.onnx.export(
                program,
                opset_version=opset,
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_shapes=(axes,) if axes else None,
            )
        converted.model.metadata_props[METADATA] = json.dumps(metadata)
        return converted.model_proto.SerializeToString()
    except Exception as error:
        # Protobuf's limit of 2 GB has another error in each release.
        raise ValueError(
            f"--opset {opset}: the model can't be written in ONNX "
            f'({first_line(error.__cause__ or error)})'
        ) from error


def run_onnx(data: bytes) -> Run:
    """Make a function that runs a model in ONNX Runtime, in PyTorch's threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        data, options, providers=['CPUExecutionProvider']
    )
    names = [output.name for output in session.get_outputs()]

    def run(image: Tensor) -> dict[str, Tensor]:
        found = session.run(names, {INPUT: np.ascontiguousarray(image.numpy())})
        return dict(zip(names, map(torch.from_numpy, found), strict=True))

    return run


def to_torch(program: ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """Convert a recorded model to a file for ``torch.export.load``."""
    data = io.BytesIO()
    extra = {f'{METADATA}.json': json.dumps(metadata)}
    with quiet_exporters():
        torch.export.save(program, data, extra_files=extra)
    return data.getvalue()


def run_torch(data: bytes) -> Run:
    """Make a function that runs a model in PyTorch alone."""
    with quiet_exporters():
        module = torch.export.load(io.BytesIO(data)).module()
    return torch.no_grad()(module)
