"""Compare a checkpoint with the model that it should be loaded into."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

_EXAMPLES = 3


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
        f'{key} {tuple(found[key].shape)} instead of {tuple(value.shape)}'
        for key, value in expected.items()
        if key in found and found[key].shape != value.shape
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


def _summary(what: str, keys: Iterable[str]) -> list[str]:
    keys = list(keys)
    if not keys:
        return []
    more = ', …' if len(keys) > _EXAMPLES else ''
    return [f'  {len(keys)} {what}: {", ".join(keys[:_EXAMPLES])}{more}']
