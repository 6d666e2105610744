"""Record a model as a graph, without weights that its outputs do not depend on."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from ...quiet import quiet_exporters
from ...wording import first_line

_WEIGHTS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)


@torch.no_grad()
def record(
    model: nn.Module, image: Tensor, axes: Mapping[int, str], seconds: float = 0
) -> ExportedProgram:
    """Record a model as a graph of PyTorch's operators.

    Args:
        model: A model that returns tensors by name.
        image: An example of its input, (1, C, H, W).
        axes: Names of the axes of images that may vary.
        seconds: Time limit; 0 for none.

    Raises:
        ValueError: If ``torch.export`` fails, or takes longer.
    """
    # torch.export takes an axis of length 1 for a constant.
    example = torch.cat([image, image]) if 0 in axes else image
    shapes = (dict.fromkeys(axes, Dim.DYNAMIC),)
    try:
        with quiet_exporters(), _time_limit(seconds):
            program = torch.export.export(model, (example,), dynamic_shapes=shapes)
            # Replaces in-place operators, which are never removed as dead code.
            program = program.run_decompositions({})
    except Exception as error:
        # Anything may fail in a network's code.
        raise ValueError(first_line(error)) from error
    return _without_dead(program)


def left_out(model: nn.Module, program: ExportedProgram) -> Counter[str]:
    """Count the parameters of a model that its graph does not have, by part.

    A part is as in ``top.decode_head``.
    """
    dead: Counter[str] = Counter()
    for name, value in model.named_parameters():
        if name not in program.state_dict:
            dead[_part_of(name)] += value.numel()
    return dead


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise a ``TimeoutError`` after some seconds, where there are alarm signals."""
    main = threading.current_thread() is threading.main_thread()
    if not (seconds and main and hasattr(signal, 'SIGALRM')):
        yield
        return

    def end(*_: Any) -> None:
        raise TimeoutError(f'not done within {seconds:g} s')

    before = signal.signal(signal.SIGALRM, end)
    # Raised every second from then on: the first may be caught inside.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _without_dead(program: ExportedProgram) -> ExportedProgram:
    """Remove weights that the outputs do not depend on from a graph."""
    graph, signature = program.graph, program.graph_signature
    inputs = {node.name: node for node in graph.nodes if node.op == 'placeholder'}
    specs = {inputs[spec.arg.name]: spec for spec in signature.input_specs}
    weights = {node for node, spec in specs.items() if spec.kind in _WEIGHTS}
    dead = weights - _ancestors(graph.output_node())

    def must_stay(node: Node) -> bool:
        if not node.is_impure() or node.op != 'call_function':
            return node.is_impure()
        # Assertions on values of dead weights would keep these alive.
        return not dead & _ancestors(node)

    def left(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name not in dropped}

    graph.eliminate_dead_code(must_stay)
    for node in dead:
        graph.erase_node(node)
    dropped = {specs[node].target for node in dead}
    kept = [spec for node, spec in specs.items() if node not in dead]
    program.graph_module.recompile()
    return ExportedProgram(
        root=program.graph_module,
        graph=graph,
        graph_signature=replace(signature, input_specs=kept),
        state_dict=left(program.state_dict),
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=left(program.constants),
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


def _part_of(parameter: str) -> str:
    """Name the part of a model that has a parameter: ``top.decode_head``, ``plan``."""
    path = parameter.removeprefix('model.').split('.')
    return '.'.join(path[1:3] if path[0] == 'networks' else path[:1])
