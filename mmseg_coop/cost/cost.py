"""Costs of models, and the JSON file that keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..checkpoints.atomic_backend import AtomicBackend


@dataclass(frozen=True)
class Cost:
    """Cost of training a model and of predicting with it.

    Attributes:
        parameters: Number of parameters.
        training_flops: FLOPs of a training step (forward and backward pass, all
            networks and heads), per image; None for a head that reads values of
            tensors, which the meta device lacks.
        prediction_flops: FLOPs of the selected prediction of an image.
        latency: Seconds of that prediction: median, and (spread) lowest and highest.
        memory: Its peak memory in MB, without model and image; None but on Linux.
        model: Hash of the configs of model and test data, None in files that have none.
    """

    parameters: int
    training_flops: int | None
    prediction_flops: int
    latency: float
    latency_spread: Sequence[float]
    memory: float | None
    model: str | None = None


def save_costs(costs: Mapping[str, Cost], machine: str, path: Path) -> None:
    """Write costs by label, measured side by side on a machine, as JSON."""
    methods = {label: asdict(cost) for label, cost in costs.items()}
    text = json.dumps(dict(machine=machine, methods=methods), indent=2)
    AtomicBackend().put_text(f'{text}\n', path)


def load_costs(path: Path) -> dict[str, Cost]:
    """Read the costs by label that ``save_costs`` wrote."""
    try:
        methods = json.loads(path.read_text())['methods']
        return {label: Cost(**cost) for label, cost in methods.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f'{path}: expected what tools/compare.py --cost has written ({error}); '
            'delete it to measure costs again'
        ) from error
