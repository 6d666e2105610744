"""Load weights, and only those that fit the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

_EXAMPLES = 3


def load_weights(module: nn.Module, path: str, what: str = 'checkpoint') -> dict:
    """Load a checkpoint's weights into a module.

    Args:
        module: The module.
        path: The checkpoint: a file or a URL.
        what: What names it to the user, for errors.

    Returns:
        The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the checkpoint is of another architecture.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='silent'
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{what}: there is no file {path}; expected a checkpoint of the '
            f'{type(module).__name__} of the config'
        ) from None
    state_dict = checkpoint.get('state_dict', checkpoint)
    check_state_dict(module, state_dict, f'{what}: {path}')
    module.load_state_dict(
        {key.removeprefix('module.'): value for key, value in state_dict.items()},
        # Mean and standard deviation of the data preprocessor are the config's.
        strict=False,
    )
    return checkpoint


def check_state_dict(
    module: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> None:
    """Check that a state dict has just the keys and shapes of a module.

    ``load_state_dict(strict=False)``, which MMEngine uses, leaves what does not fit
    at its random start.

    Args:
        module: The module to load into.
        state_dict: Weights by name; a leading ``module.`` does not count.
        source: Where they come from, for the error.

    Raises:
        ValueError: If keys are missing, unexpected or of another shape: how many,
            and the first of them.
    """
    found = overlap(module, state_dict)
    if not (found.missing or found.unexpected or found.shapes):
        return
    lines = [
        f'{source} is a checkpoint of another architecture than the '
        f'{type(module).__name__} of the config:'
    ]
    lines += _summary('missing', found.missing)
    lines += _summary('unexpected', found.unexpected)
    lines += _summary('of another shape', found.shapes)
    lines.append('Use the config that the checkpoint was trained with.')
    raise ValueError('\n'.join(lines))


@dataclass(frozen=True)
class Overlap:
    """What a state dict has of a module's weights, names of each.

    Attributes:
        fit: Weights that are in both, of the same shape.
        missing: Only the module has them.
        unexpected: Only the state dict has them.
        shapes: In both, of another shape, with both shapes.
    """

    fit: list[str]
    missing: list[str]
    unexpected: list[str]
    shapes: list[str]


def overlap(module: nn.Module, state_dict: Mapping[str, Tensor]) -> Overlap:
    """Compare a state dict with a module's; a leading ``module.`` does not count."""
    found = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    # Mean and standard deviation are the config's.
    found = {k: v for k, v in found.items() if not k.startswith('data_preprocessor.')}
    expected = module.state_dict()
    both = [key for key in expected if key in found]
    wrong = [key for key in both if _shape(found[key]) != _shape(expected[key])]
    return Overlap(
        fit=[key for key in both if key not in wrong],
        missing=[key for key in expected if key not in found],
        unexpected=[key for key in found if key not in expected],
        shapes=[
            f'{key} {_shape(found[key])} instead of {_shape(expected[key])}'
            for key in wrong
        ],
    )


def _shape(value: Any) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def _summary(what: str, keys: Iterable[str]) -> list[str]:
    keys = list(keys)
    if not keys:
        return []
    more = ', …' if len(keys) > _EXAMPLES else ''
    return [f'  {len(keys)} {what}: {", ".join(keys[:_EXAMPLES])}{more}']
