"""Load weights, and only those that fit the model."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

# Mean and standard deviation, which are the config's, and counters of losses.
_NO_WEIGHTS = ('data_preprocessor.', 'cooperation_losses.')


def load_weights(module: nn.Module, path: str, what: str = 'checkpoint') -> dict:
    """Load a checkpoint's weights, which have to fit, into a module; return it all."""
    checkpoint = load_file(path, what, type(module).__name__)
    put_weights(module, weights_of(checkpoint), f'{what}: {path}')
    return checkpoint


def load_file(path: str, what: str, model: str) -> dict:
    """Load a checkpoint's file, from a path or a URL.

    Errors say by which config key or option (``what``) it is read, and for which model.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='silent'
        )
        # Raises where there are none.
        weights_of(checkpoint)
        return checkpoint
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{what}: there is no file {path}; expected a checkpoint of the {model} of '
            'the config'
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
        found = overlap(module, weights)
        if not found.any_fits:
            raise ValueError(
                f'{source}: none of its {len(weights)} weights fit the '
                f'{type(module).__name__} of the config; expected one of the same '
                'backbone or heads'
            )
        left = found.missing + found.shapes
        print_log(
            f'{source}: {len(found.fit)} of {len(found.fit) + len(left)} weights '
            f'loaded; not loaded: {", ".join(left) or "none"}',
            'current',
        )
        named = weights_of(weights)
        weights = {key: named[key] for key in found.fit}
    else:
        check_state_dict(module, weights, source)
    # Mean and standard deviation of the data preprocessor are the config's.
    module.load_state_dict(weights, strict=False)


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
        ValueError: If keys are missing, unexpected or of another shape.
    """
    found = overlap(module, state_dict)
    wrong = {
        'missing': found.missing,
        'unexpected': found.unexpected,
        'of another shape': found.shapes,
    }
    parts = [
        f'{len(keys)} {what}: {keys[0]}{", …" if len(keys) > 1 else ""}'
        for what, keys in wrong.items()
        if keys
    ]
    if parts:
        raise ValueError(
            f'{source} is a checkpoint of another architecture than the '
            f'{type(module).__name__} of the config: {"; ".join(parts)}; use the '
            'config that the checkpoint was trained with'
        )


class Overlap(NamedTuple):
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
        {k: _shape(v) for k, v in weights.items() if not k.startswith(_NO_WEIGHTS)}
        for weights in (weights_of(state_dict), module.state_dict())
    )
    wrong = {k for k, shape in expected.items() if k in found and found[k] != shape}
    return Overlap(
        fit=[key for key in expected if key in found and key not in wrong],
        missing=[key for key in expected if key not in found],
        unexpected=[key for key in found if key not in expected],
        shapes=[f'{k} {found[k]} instead of {expected[k]}' for k in sorted(wrong)],
    )


def _shape(value: Any) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
