"""Refusal of checkpoints that are of another model."""

from collections.abc import Iterable

from torch import nn


def check_cooperative(weights: Iterable[str], prefix: str, model: nn.Module) -> None:
    """Check names of weights: MMSegmentation's tools would only log that none fits.

    Raises:
        ValueError: If there are weights, but none of a cooperative model.
    """
    own = [key for key in weights if key.startswith(prefix)]
    parts = tuple(f'{prefix}{name}.' for name in model._modules)
    if own and not any(key.startswith(parts) for key in own):
        raise ValueError(
            f'none of the {len(own)} weights fits a cooperative model, whose names '
            f'begin with networks.{next(iter(model.networks))}; the checkpoint of a '
            'single network starts one with model.networks_init=[a.pth,b.pth]'
        )
