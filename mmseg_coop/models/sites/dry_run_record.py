"""Record of a dry run: feature maps, and what depends on them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .site import Address


@dataclass
class Seen:
    """A feature map that a dry run has met.

    Attributes:
        source: What the module returned, or got as its input (``path:in``).
        feature: What the network went on with.
        probe: What depends on the feature map depends on the probe.
        order: Place among all feature maps, in the order in which they were met.
        version: How often it had been changed in place.
    """

    address: Address
    source: Tensor
    feature: Tensor
    probe: Tensor
    order: int
    version: int


@dataclass
class Record:
    """Record of a dry run: modules, outputs and sizes.

    Attributes:
        size: Height and width of the images.
        calls: How often each module was called.
        weighted: Order and output of each module that has weights of its own.
        returned: The output of each part of the network as it returned it.
        outputs: The same as the network went on with it, probed.
        complete: Whether the run came to its end.
    """

    size: tuple[int, int]
    seen: dict[Address, Seen] = field(default_factory=dict)
    calls: Counter = field(default_factory=Counter)
    weighted: list[tuple[str, int, Tensor]] = field(default_factory=list)
    returned: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    complete: bool = True


@dataclass
class OutputHook:
    """Record what a module returns, and make it depend on a probe."""

    record: Record
    name: str
    probes: bool

    def before(self, module: nn.Module, args: tuple) -> Any:
        """A forward pre-hook, for the module's input."""
        return self._probe(Address(self.name, at_input=True), args) if args else None

    def __call__(self, module: nn.Module, args: tuple, output: Any) -> Any:
        record = self.record
        record.calls[self.name] += 1
        if record.calls[self.name] > 1:
            return None
        if '.' not in self.name:
            record.returned[self.name] = output
        if not self.probes:
            return None
        if any(p is not None for p in module._parameters.values()):
            record.weighted += [
                (self.name, len(record.seen), x) for x in tensors(output)
            ]
        for index, _ in feature_maps(output):
            output = self._probe(Address(self.name, index=index), output)
        if '.' not in self.name:
            record.outputs[self.name] = output
        return output

    def _probe(self, address: Address, value: Any) -> Any:
        feature = address.read(value)
        if not _is_feature_map(feature):
            return value
        probe = torch.zeros((), device=feature.device, requires_grad=True)
        probed = feature + probe
        order = len(self.record.seen)
        self.record.seen[address] = Seen(
            address, feature, probed, probe, order, probed._version
        )
        return address.write(value, probed)


def feature_maps(output: Any) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Place and value of what may be a feature map in a module's output."""
    if _is_feature_map(output):
        yield (), output
    elif isinstance(output, list | tuple):
        for i, item in enumerate(output):
            for index, found in feature_maps(item):
                yield (i, *index), found


def tensors(output: Any) -> Iterator[Tensor]:
    """All floating point tensors of nested lists, tuples and dicts."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        yield from tensors(list(output.values()))
    elif isinstance(output, list | tuple):
        for item in output:
            yield from tensors(item)


def found_in(outputs: Sequence[Tensor], seen: Sequence[Seen]) -> list[Seen]:
    """The feature maps that any output depends on, from autograd's graph."""
    nodes = [x.grad_fn for x in outputs if x.grad_fn is not None]
    passed, leaves = set(nodes), set()
    while nodes:
        node = nodes.pop()
        if hasattr(node, 'variable'):
            leaves.add(id(node.variable))
        for following, _ in node.next_functions:
            if following is not None and following not in passed:
                passed.add(following)
                nodes.append(following)
    return [one for one in seen if id(one.probe) in leaves]


def _is_feature_map(value: Any) -> bool:
    return (
        isinstance(value, Tensor) and value.ndim in (3, 4) and value.is_floating_point()
    )
