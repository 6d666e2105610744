"""Identify a tested model, to tell its results from those of others."""

import json
from typing import Any

from torch import nn

from ..checkpoints.fingerprint import fingerprint
from ..unwrap import unwrap


def model_identity(model: nn.Module) -> dict[str, Any]:
    """Fingerprint of a model's weights, and its ``test_cfg``, for JSON.

    The option that selects a network's prediction is left out: results have those of
    all networks.
    """
    model = unwrap(model)
    test_cfg = dict(getattr(model, 'test_cfg', None) or {})
    test_cfg.pop('predict', None)
    test_cfg.setdefault('mode', 'whole')
    return dict(
        weights=fingerprint(model.state_dict()),
        test_cfg=json.loads(json.dumps(test_cfg, default=str)),
    )
