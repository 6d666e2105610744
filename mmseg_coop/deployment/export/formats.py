"""Write exported models as ONNX or PyTorch programs, and run them."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...quiet import quiet_exporters
from ...wording import first_line
from .record_graph import Recording

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
    missing = [name for name in _NEEDED if not _can_import(name)]
    if missing:
        raise ValueError(
            f'--format onnx: needs {", ".join(missing)}, which can not be imported; '
            "pip install 'mmseg_coop[export]'"
        )
    if opset not in OPSETS:
        raise ValueError(
            f'--opset: found {opset}, expected {OPSETS.start} to {OPSETS[-1]}, which '
            f'PyTorch {torch.__version__} can export to'
        )


def _can_import(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def to_onnx(recording: Recording, opset: int, metadata: Mapping[str, Any]) -> bytes:
    """Convert a recorded model to ONNX, in one file.

    Raises:
        ValueError: If an operator has no counterpart, or the model is too large.
    """
    try:
        with quiet_exporters():
            program = torch.onnx.export(
                recording.program,
                opset_version=opset,
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=[INPUT],
                output_names=list(recording.outputs),
            )
    except Exception as error:
        raise ValueError(
            f"--opset {opset}: the model can't be written in ONNX "
            f'({first_line(error.__cause__ or error)})'
        ) from error
    program.model.metadata_props[METADATA] = json.dumps(metadata)
    try:
        proto = program.model_proto
        _name_axes(proto.graph)
        return proto.SerializeToString()
    except Exception as error:
        # Protobuf's limit of 2 GB has another error in each release.
        raise ValueError(f'--format onnx: {first_line(error)}') from error


def _name_axes(graph: Any) -> None:
    """Name the axes of images and outputs that may vary."""
    shape = graph.input[0].type.tensor_type.shape.dim
    named = zip(shape, ('batch', 'channels', 'height', 'width'), strict=True)
    names = {axis.dim_param: name for axis, name in named if axis.dim_param}
    if not names:
        return
    pattern = re.compile(rf'\b({"|".join(map(re.escape, names))})\b')
    for part in _graphs(graph):
        for value in (*part.input, *part.output, *part.value_info):
            for axis in value.type.tensor_type.shape.dim:
                if axis.dim_param:
                    found = pattern.sub(lambda m: names[m[0]], axis.dim_param)
                    axis.dim_param = found


def _graphs(graph: Any) -> Iterator[Any]:
    """List an ONNX graph and the graphs inside its operators."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField('g'):
                yield from _graphs(attribute.g)


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


def to_torch(recording: Recording, metadata: Mapping[str, Any]) -> bytes:
    """Convert a recorded model to a file for ``torch.export.load``."""
    data = io.BytesIO()
    extra = {f'{METADATA}.json': json.dumps(metadata)}
    with quiet_exporters():
        torch.export.save(recording.program, data, extra_files=extra)
    return data.getvalue()


def run_torch(data: bytes) -> Run:
    """Make a function that runs a model in PyTorch alone."""
    with quiet_exporters():
        module = torch.export.load(io.BytesIO(data)).module()
    return torch.no_grad()(module)
