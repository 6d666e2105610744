"""Record a model as a graph, without weights that its outputs do not depend on."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from ...quiet import quiet_exporters
from ...wording import first_line

# Axes of images, (N, C, H, W), that may vary, by description; the most first.
VARIABLE: dict[str, tuple[int, ...]] = {
    'batch, height, width': (0, 2, 3),
    'batch': (0,),
    'nothing': (),
}


_WEIGHTS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


class RecordingError(ValueError):
    """A model can't be recorded as a graph with these variable axes."""


@dataclass(frozen=True)
class Recording:
    """A model as a graph of PyTorch's operators.

    Attributes:
        program: The graph with its weights.
        outputs: Names of its outputs.
        parameters: Number of parameters in the graph.
        dead: Number of parameters that are left out, by part.
    """

    program: ExportedProgram
    outputs: tuple[str, ...]
    parameters: int
    dead: Mapping[str, int]


@torch.no_grad()
def record(model: nn.Module, image: Tensor, variable: str) -> Recording:
    """Record a model as a graph.

    Args:
        model: A model that returns tensors by name.
        image: An example of its input, (1, C, H, W).
        variable: The axes that may vary, a key of ``VARIABLE``.

    Raises:
        RecordingError: If ``torch.export`` fails.
    """
    axes = VARIABLE[variable]
    # torch.export takes an axis of length 1 for a constant.
    example = torch.cat([image, image]) if 0 in axes else image
    shapes = ({axis: Dim.DYNAMIC for axis in axes},)
    try:
        with quiet_exporters():
            program = torch.export.export(model, (example,), dynamic_shapes=shapes)
            # Replaces in-place operators, which are never removed as dead code.
            program = program.run_decompositions({})
    except Exception as error:
        # Anything may fail in a network's code.
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
    """Remove weights that the outputs do not depend on from a graph."""
    graph, signature = program.graph, program.graph_signature
    inputs = {node.name: node for node in graph.nodes if node.op == 'placeholder'}
    specs = {inputs[spec.arg.name]: spec for spec in signature.input_specs}
    weights = {node for node, spec in specs.items() if spec.kind in _WEIGHTS}
    read = weights & _ancestors(graph.output_node())

    def must_stay(node: Node) -> bool:
        if not node.is_impure() or node.op != 'call_function':
            return node.is_impure()
        # Assertions on values of dead weights would keep these alive.
        return weights & _ancestors(node) <= read

    graph.eliminate_dead_code(must_stay)
    for node in weights - read:
        graph.erase_node(node)
    dropped = {specs[node].target for node in weights - read}
    kept = [spec for node, spec in specs.items() if node not in weights - read]
    program.graph_module.recompile()
    return ExportedProgram(
        root=program.graph_module,
        graph=graph,
        graph_signature=replace(signature, input_specs=kept),
        state_dict=_without(program.state_dict, dropped),
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=_without(program.constants, dropped),
        verifiers=program.verifiers,
    )


def _ancestors(node: Node) -> set[Node]:
    """Find a node and all nodes that it depends on."""
    found, waiting = {node}, [node]
    while waiting:
        new = set(waiting.pop().all_input_nodes) - found
        found |= new
        waiting += new
    return found


def _without(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def by_part(parameters: Mapping[str, int]) -> dict[str, int]:
    """Sum numbers of parameters by part of a model: ``top.decode_head``, ``plan``."""
    parts: dict[str, int] = {}
    for name, count in parameters.items():
        path = name.split('.')
        inside = path[0] == 'networks'
        part = '.'.join(path[1:3] if inside else path[:1])
        parts[part] = parts.get(part, 0) + count
    return parts
