"""Exported position attention never holds all similarities, in ONNX Runtime either."""

import sys

import pytest
import torch

from mmseg_coop.cost.memory import peak_memory
from mmseg_coop.deployment.export.formats import run_onnx, to_onnx
from mmseg_coop.deployment.export.recording import record
from mmseg_coop.models.decode_heads.efficient_da_head import EfficientPAM

# All similarities of so many pixels are 256 MB.
SIDE = 90


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.pam = EfficientPAM(16, 4)

    def forward(self, x):
        return dict(y=self.pam(x))


def _attend():
    x = torch.randn(1, 16, SIDE, SIDE)
    run = run_onnx(to_onnx(record(Attention().eval(), x, 'nothing'), 20, {}))
    return lambda: run(x)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.filterwarnings('ignore')
def test_memory_is_that_of_some_queries():
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    assert peak_memory(_attend) < 40
