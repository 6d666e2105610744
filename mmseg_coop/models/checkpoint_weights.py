"""Load weights, and only those that fit the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

# Mean and standard deviation, which are the config's, and counters of losses.
_NO_WEIGHTS = ('data_preprocessor.', 'cooperation_losses.')


def load_weights(module: nn.Module, path: str, what: str = 'checkpoint') -> dict:
    """Load a checkpoint's weights into a module.

    Returns:
        The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the checkpoint is of another architecture.
    """
    checkpoint = load_file(path, what, type(module).__name__)
    put_weights(module, weights_of(checkpoint), f'{what}: {path}')
    return checkpoint


def load_file(path: str, what: str, model: str) -> dict:
    """Load a checkpoint's file.

    Args:
        path: A file or a URL.
        what: Its config key or option, for errors.
        model: The expected model in words, for errors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='silent'
        )
        # Raises where there are none.
        weights_of(checkpoint)
        return checkpoint
    except FileNotFoundError:
        folder = ', which is a folder' if Path(path).is_dir() else ''
        raise FileNotFoundError(
            f'{what}: there is no file {path}{folder}; expected a checkpoint of the '
            f'{model} of the config'
        ) from None
    except Exception as error:
        # A damaged file can raise anything.
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise ValueError(
            f'{what}: {path} can not be loaded as a checkpoint ({reason})'
        ) from error


def weights_of(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, without a leading ``module.`` in their names."""
    weights = checkpoint.get('state_dict', checkpoint)
    return {key.removeprefix('module.'): value for key, value in weights.items()}


def part_of(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Select the weights of a module inside another, as in ``networks.top``."""
    start = f'{name}.'
    return {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}


def put_weights(
    module: nn.Module, weights: Mapping[str, Tensor], source: str, partial: bool = False
) -> None:
    """Put weights into a module.

    Args:
        module: The module.
        weights: Its weights by name.
        source: Where they come from, for errors.
        partial: Put what fits, as a checkpoint of other classes does but for its
            classifiers, and log what was left out.

    Raises:
        ValueError: If they are of another architecture, or none of them fits.
    """
    if partial:
        weights = _fitting(module, weights, source)
    else:
        check_state_dict(module, weights, source)
    # Mean and standard deviation of the data preprocessor are the config's.
    module.load_state_dict(weights, strict=False)


def _fitting(
    module: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Select the weights that fit a module by name and shape; log the rest."""
    found = overlap(module, state_dict)
    if not found.any_fits:
        raise ValueError(
            f'{source}: none of its {len(state_dict)} weights fit the '
            f'{type(module).__name__} of the config; expected one of the same '
            'backbone or heads'
        )
    left = found.missing + found.shapes
    print_log(
        f'{source}: {len(found.fit)} of {len(found.fit) + len(left)} weights loaded; '
        f'not loaded: {", ".join(left) or "none"}',
        'current',
    )
    weights = weights_of(state_dict)
    return {key: weights[key] for key in found.fit}


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
    parts = [
        *_summary('missing', found.missing),
        *_summary('unexpected', found.unexpected),
        *_summary('of another shape', found.shapes),
    ]
    raise ValueError(
        f'{source} is a checkpoint of another architecture than the '
        f'{type(module).__name__} of the config: {"; ".join(parts)}; use the config '
        'that the checkpoint was trained with'
    )


@dataclass(frozen=True)
class Overlap:
    """Overlap of a state dict with a module's weights: names of each.

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

    @property
    def any_fits(self) -> bool:
        """Tell whether any does; a counter of batches fits a layer of any width."""
        return any(not key.endswith('num_batches_tracked') for key in self.fit)


def overlap(module: nn.Module, state_dict: Mapping[str, Tensor]) -> Overlap:
    """Compare a state dict with a module's; a leading ``module.`` does not count."""
    found, expected = (
        {
            key: value
            for key, value in weights.items()
            if not key.startswith(_NO_WEIGHTS)
        }
        for weights in (weights_of(state_dict), module.state_dict())
    )
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


def _summary(what: str, keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    more = ', …' if len(keys) > 1 else ''
    return [f'{len(keys)} {what}: {keys[0]}{more}']
