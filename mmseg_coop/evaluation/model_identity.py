"""Identity of a tested model, by which its results are told from others."""

import json
from typing import Any

from torch import nn

from ..checkpoints.fingerprint import fingerprint
from ..unwrap import unwrap


def model_identity(model: nn.Module) -> dict[str, Any]:
    """Fingerprint of a model's weights, and how it predicts, as JSON has them.

    Which network's prediction is selected is left out: results have all of them.
    """
    model = unwrap(model)
    test_cfg = dict(getattr(model, 'test_cfg', None) or {})
    test_cfg.pop('predict', None)
    test_cfg.setdefault('mode', 'whole')
    return dict(
        weights=fingerprint(model.state_dict()),
        test_cfg=json.loads(json.dumps(test_cfg, default=str)),
    )
