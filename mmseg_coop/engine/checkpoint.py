"""Load weights, and only those that fit the model."""

from collections.abc import Iterable, Mapping
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
    found = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    found = {k: v for k, v in found.items() if not k.startswith('data_preprocessor.')}
    expected = module.state_dict()
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    shapes = [
        f'{key} {_shape(found[key])} instead of {_shape(value)}'
        for key, value in expected.items()
        if key in found and _shape(found[key]) != _shape(value)
    ]
    if not (missing or unexpected or shapes):
        return
    lines = [
        f'{source} is a checkpoint of another architecture than the '
        f'{type(module).__name__} of the config:'
    ]
    lines += _summary('missing', missing)
    lines += _summary('unexpected', unexpected)
    lines += _summary('of another shape', shapes)
    lines.append('Use the config that the checkpoint was trained with.')
    raise ValueError('\n'.join(lines))


def _shape(value: Any) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def _summary(what: str, keys: Iterable[str]) -> list[str]:
    keys = list(keys)
    if not keys:
        return []
    more = ', …' if len(keys) > _EXAMPLES else ''
    return [f'  {len(keys)} {what}: {", ".join(keys[:_EXAMPLES])}{more}']
