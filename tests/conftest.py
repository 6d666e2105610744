import pytest
import torch
from mmengine.registry import init_default_scope

import mmseg_coop  # noqa: F401  (registers everything)


@pytest.fixture(autouse=True)
def _deterministic():
    init_default_scope('mmseg')
    torch.manual_seed(0)
