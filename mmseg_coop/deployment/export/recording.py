"""Record a model as a graph, and leave out what its outputs do not depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from ...quiet import quiet_exporters

# Axes of images, (N, C, H, W), by what may vary, the most first.
VARIABLE: dict[str, tuple[int, ...]] = {
    'batch, height, width': (0, 2, 3),
    'batch': (0,),
    'nothing': (),
}


class RecordingError(ValueError):
    """A model can't be recorded as a graph for images that vary so much."""


@dataclass(frozen=True)
class Recording:
    """A model as a graph of PyTorch's operators.

    Attributes:
        program: The graph with its weights.
        outputs: Names of what it gives.
        parameters: Number of parameters that are left.
        dead: Number of those that are left out, by part.
    """

    program: ExportedProgram
    outputs: tuple[str, ...]
    parameters: int
    dead: Mapping[str, int]


@torch.no_grad()
def record(model: nn.Module, image: Tensor, variable: str) -> Recording:
    """Record a model as a graph.

    Args:
        model: The model, which gives tensors by name.
        image: What it takes, (1, C, H, W).
        variable: What may vary of images, a key of ``VARIABLE``.

    Raises:
        RecordingError: If the model, or the part of PyTorch that records, can't.
    """
    axes = VARIABLE[variable]
    # A batch of one would be taken for a constant.
    example = torch.cat([image, image]) if 0 in axes else image
    shapes = ({axis: Dim.DYNAMIC for axis in axes},)
    try:
        with quiet_exporters():
            program = torch.export.export(model, (example,), dynamic_shapes=shapes)
    except Exception as error:
        # What networks do that can't be recorded is beyond listing.
        raise RecordingError(first_line(error)) from error
    program = _without_dead(program)
    counts = {name: value.numel() for name, value in model.named_parameters()}
    dead = {
        name.removeprefix('model.'): count
        for name, count in counts.items()
        if name not in program.state_dict
    }
    left = sum(counts.values()) - sum(dead.values())
    return Recording(program, tuple(model(image)), left, by_part(dead))


def _without_dead(program: ExportedProgram) -> ExportedProgram:
    """The same graph with no weights but those that it reads."""
    graph, signature = program.graph, program.graph_signature
    graph.eliminate_dead_code()
    inputs = {node.name: node for node in graph.nodes if node.op == 'placeholder'}
    kept, names = [], set()
    for spec in signature.input_specs:
        weight = spec.kind in (InputKind.PARAMETER, InputKind.BUFFER)
        if weight and not inputs[spec.arg.name].users:
            graph.erase_node(inputs[spec.arg.name])
            continue
        kept.append(spec)
        names |= {spec.target} if weight else set()
    program.graph_module.recompile()
    return ExportedProgram(
        root=program.graph_module,
        graph=graph,
        graph_signature=replace(signature, input_specs=kept),
        state_dict={k: v for k, v in program.state_dict.items() if k in names},
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=program.constants,
        # Of a graph before it is decomposed, where operators may write in place.
        verifiers=program.verifiers,
    )


def by_part(parameters: Mapping[str, int]) -> dict[str, int]:
    """Numbers of parameters of parts of a model: ``top.decode_head``, ``plan``, ...

    Args:
        parameters: Number of each by name in a model.
    """
    parts: dict[str, int] = {}
    for name, count in parameters.items():
        path = name.split('.')
        inside = path[0] == 'networks'
        part = '.'.join(path[1:3] if inside else path[:1])
        parts[part] = parts.get(part, 0) + count
    return parts


def first_line(error: Exception) -> str:
    """First line of an error's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    return f'{kind}: {lines[0][:200]}' if lines else kind
