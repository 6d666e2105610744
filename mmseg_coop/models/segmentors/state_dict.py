"""State dicts of a cooperative model: older ones are upgraded, others refused."""

from typing import Any

from torch import nn

from ..plan.old_weight_names import upgrade_keys


def upgrade_state_dict(state_dict: dict[str, Any], prefix: str, model: nn.Module):
    """Give the weights of a cooperative model their current names.

    If no weight fits, the checkpoint is of another model, which MMSegmentation's tools
    would only log: a ValueError.
    """
    own = {k.removeprefix(prefix): k for k in state_dict if k.startswith(prefix)}
    for key, old in upgrade_keys(own, model.plan).items():
        state_dict[f'{prefix}{key}'] = state_dict.pop(old)
    parts = tuple(f'{prefix}{name}.' for name in model._modules)
    if own and not any(key.startswith(parts) for key in state_dict):
        raise ValueError(
            f'none of the {len(own)} weights fits a cooperative model, whose names '
            f'begin with networks.{next(iter(model.networks))}; the checkpoint of a '
            'single network starts one with model.networks_init=[a.pth,b.pth]'
        )
