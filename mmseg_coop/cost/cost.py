"""Costs of methods, beside their accuracy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..checkpoints.atomic_backend import AtomicBackend


@dataclass(frozen=True)
class Cost:
    """Cost of training a model and of its prediction.

    Attributes:
        parameters: How many there are.
        training_flops: FLOPs of a training step (forward and backward pass, all
            networks and heads) for an image; None for a head whose losses can't be
            followed without their values.
        prediction_flops: FLOPs of the selected prediction, of an image.
        latency: Seconds of that prediction, median.
        latency_spread: Lowest and highest of these.
        memory: Most memory in MB that it takes at a time beside the model and the
            image; None where it can't be measured.
    """

    parameters: int
    training_flops: int | None
    prediction_flops: int
    latency: float
    latency_spread: tuple[float, float]
    memory: float | None


@dataclass(frozen=True)
class Costs:
    """Costs that were measured side by side.

    Attributes:
        machine: Where, with which versions, and when.
        methods: By label.
    """

    machine: str
    methods: Mapping[str, Cost]

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        AtomicBackend().put_text(json.dumps(asdict(self), indent=2) + '\n', path)

    @classmethod
    def load(cls, path: Path) -> 'Costs':
        """Read what ``save`` wrote.

        Raises:
            ValueError: If the file is another one.
        """
        try:
            content = json.loads(path.read_text())
            methods = {
                label: Cost(**{**cost, 'latency_spread': tuple(cost['latency_spread'])})
                for label, cost in content['methods'].items()
            }
            return cls(content['machine'], methods)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f'{path}: expected what tools/compare.py --cost has written ({error}); '
                'delete it to have costs measured anew'
            ) from error


def dominated(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Tell whether another method is at least as good for at most the same cost.

    Args:
        costs: Of each method; less is better.
        values: How good each one is; more is better.
    """
    points = list(zip(costs, values, strict=True))
    return [
        any(
            other != point and other[0] <= point[0] and other[1] >= point[1]
            for other in points
        )
        for point in points
    ]
