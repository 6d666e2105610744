"""Weights and outputs of a recorded model."""

import io
import signal
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmseg_coop.deployment.export.deployed_model import DeployedModel
from mmseg_coop.deployment.export.formats import to_torch
from mmseg_coop.deployment.export.record_graph import left_out, record

from helpers.tiny import build_pair, fcn_head


class Dead(nn.Module):
    """Half of it changes nothing of what it gives, and writes in place."""

    def __init__(self):
        super().__init__()
        self.used, self.dead = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.register_buffer('constant', torch.ones(4, 1, 1))

    def forward(self, image):
        found = self.used(image).relu_()
        dead = self.dead(found).relu_()
        dead = dead.double().float()
        dead[:, :1] = 0
        dead += self.constant
        size = [side + side % 2 for side in image.shape[2:]]
        dead = F.interpolate(dead, size).view(-1, 4, size[0] // 2, 2, size[1])
        return dict(found=found)


@pytest.mark.parametrize('axes', [{0: 'batch', 2: 'height', 3: 'width'}, {}])
def test_nothing_dead_is_kept_by_what_writes_or_checks(axes):
    model = Dead().eval()
    recorded = record(model, torch.rand(1, 3, 16, 16), axes)
    assert left_out(model, recorded) == dict(dead=4 * 4 * 9 + 4)
    program = torch.export.load(io.BytesIO(to_torch(recorded, {})))
    assert set(program.state_dict) == {'used.weight', 'used.bias'}
    image = torch.rand(2 if axes else 1, 3, 16, 16)
    assert torch.equal(program.module()(image)['found'], model(image)['found'])


def test_layers_behind_what_is_sent_are_gone():
    neck = dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4)
    fpn = dict(neck=neck, decode_head=fcn_head(16, 1, _delete_=True))
    sites = ['backbone.layer2', 'backbone.layer3']
    pair = build_pair(
        'danet',
        connections=dict(pattern='same', sites=sites),
        networks=dict(top={}, bottom=fpn),
        auxiliary_head=None,
    )
    deployed = DeployedModel(pair.eval())
    dead = left_out(deployed, record(deployed, torch.rand(1, 3, 64, 64), {}))
    last = pair.networks.top.backbone.layer4
    assert dead['top.backbone'] == sum(p.numel() for p in last.parameters())


def test_networks_with_means_of_their_own_are_preprocessed_inside():
    own = dict(data_preprocessor=dict(mean=[1.0] * 3, std=[2.0] * 3))
    pair = build_pair('danet', networks=dict(top={}, bottom=own)).eval()
    with pytest.raises(ValueError, match='--preprocess: networks have'):
        DeployedModel(pair)
    found = DeployedModel(pair, preprocess=True)(torch.rand(1, 3, 64, 64))
    assert found['label'].shape == (1, 64, 64)


class Slow(nn.Module):
    """It takes its time, and goes on once where it is interrupted."""

    def forward(self, image):
        try:
            spin(20)
        except TimeoutError:
            spin(20)
        return dict(found=image)


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_recording_that_takes_too_long_is_ended():
    start = time.monotonic()
    with pytest.raises(ValueError, match=r'TimeoutError: not done within 0\.1 s'):
        record(Slow(), torch.rand(1, 3, 4, 4), {}, seconds=0.1)
    assert time.monotonic() - start < 15


def test_no_alarm_comes_afterwards():
    record(Dead().eval(), torch.rand(1, 3, 16, 16), {}, seconds=60)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
