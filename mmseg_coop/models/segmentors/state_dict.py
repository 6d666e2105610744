"""Refusal of checkpoints that are of another model."""

import re
from collections.abc import Iterable

from torch import nn

# Names that connectors had before 0.1.0: they contained those of a network's parts.
_OLD = re.compile(
    r'(connectors|aggregations)\.'
    r'|plan\.(connectors|aggregations)\.[a-z0-9_]*_(encoder|pyramid|decoder|auxiliary)'
)


def refuse_old_names(weights: Iterable[str], source: str) -> None:
    """Refuse checkpoints from before 0.1.0, whose connectors would not be loaded.

    Raises:
        ValueError: If a weight has such a name.
    """
    old = next(filter(_OLD.match, weights), None)
    if old is not None:
        raise ValueError(
            f'{source}: found the weight {old}, a name from before version 0.1.0, '
            'whose checkpoints are not read; train the networks again'
        )


def check_cooperative(weights: Iterable[str], prefix: str, model: nn.Module) -> None:
    """Check names of weights: MMSegmentation's tools would only log that none fits.

    Raises:
        ValueError: If there are weights, but none of a cooperative model.
    """
    own = [key for key in weights if key.startswith(prefix)]
    refuse_old_names((key.removeprefix(prefix) for key in own), 'checkpoint')
    parts = tuple(f'{prefix}{name}.' for name in model._modules)
    if own and not any(key.startswith(parts) for key in own):
        raise ValueError(
            f'none of the {len(own)} weights fits a cooperative model, whose names '
            f'begin with networks.{next(iter(model.networks))}; the checkpoint of a '
            'single network starts one with model.networks_init=[a.pth,b.pth]'
        )
