"""The loop around an exported window, as docs/export.md has it."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.models import EncoderDecoder
from torch import nn

PAGE = Path(__file__).parents[2] / 'docs' / 'export.md'


class Session:
    """ONNX Runtime's, of a window that a small network predicts."""

    def __init__(self, network):
        self.network = network

    @torch.no_grad()
    def run(self, names, given):
        shares = self.network(torch.from_numpy(given['image'])).softmax(1)
        found = dict(label=shares.argmax(1), probabilities=shares)
        return [found[name].numpy() for name in names]


@pytest.mark.parametrize('size', [(20, 30), (16, 24), (37, 24)])
@torch.no_grad()
def test_windows_are_those_of_mmsegmentation(size):
    code = re.search(r'```python\n([^`]*def slide[^`]*)```', PAGE.read_text())[1]
    exec(code, page := {})
    network = nn.Conv2d(3, 5, 3, padding=1)
    image, crop, stride = torch.randn(1, 3, *size), (16, 24), (8, 16)
    found = page['slide'](Session(network), image.numpy(), crop, stride, 5)
    host = SimpleNamespace(
        test_cfg=ConfigDict(crop_size=crop, stride=stride),
        out_channels=5,
        encode_decode=lambda window, _: network(window).softmax(1),
    )
    expected = EncoderDecoder.slide_inference(host, image, [{}])[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
