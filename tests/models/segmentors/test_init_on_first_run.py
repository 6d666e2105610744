"""MMSegmentation's init_model, with and without a checkpoint."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model
from mmseg.registry import MODELS

from helpers.tiny import (
    BACKBONE,
    TWO_STAGES,
    build_pair,
    fcn_head,
    make_batch,
    network_config,
)

SHORT = dict(
    backbone=dict(BACKBONE, **TWO_STAGES),
    decode_head=fcn_head(16, 1),
    auxiliary_head=fcn_head(8, 0),
)


@pytest.fixture
def singles(tmp_path):
    """Checkpoints of two single networks."""
    paths = []
    for seed in range(2):
        torch.manual_seed(seed)
        path = str(tmp_path / f'{seed}.pth')
        weights = MODELS.build(network_config('danet', **SHORT)).state_dict()
        torch.save(dict(state_dict=weights, meta={}), path)
        paths.append(path)
    return paths


@pytest.fixture
def config(singles):
    """Their ensemble."""
    model = network_config('danet', **SHORT, type='CooperativeEncoderDecoder')
    return Config(dict(model=dict(model, networks_init=singles)))


def weights_of(model) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@torch.no_grad()
def test_without_a_checkpoint_it_is_the_ensemble_of_its_networks(config, singles):
    model = init_model(copy.deepcopy(config), None, device='cpu')
    copied = copy.deepcopy(model)
    inputs, _ = make_batch()
    for pair in (model, copied):
        pair(inputs)
        for name, path in zip(('top', 'bottom'), singles, strict=True):
            expected = torch.load(path)['state_dict'].values()
            assert same(weights_of(pair.networks[name]), expected)
    # Once: what is changed later stays.
    model.networks.top.decode_head.conv_seg.bias.data.fill_(7)
    model(inputs)
    assert (model.networks.top.decode_head.conv_seg.bias == 7).all()


def test_a_single_networks_checkpoint_is_no_pairs(config, singles):
    config.model.networks_init = None
    message = r'none of the \d+ weights fits .*networks_init'
    with pytest.raises(ValueError, match=message):
        init_model(config, singles[0], device='cpu')


METAS = [dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64))] * 2
ENTRIES = {
    'predict': lambda model, x: model.predict(x),
    'inference': lambda model, x: model.inference(x, METAS),
    'encode_decode': lambda model, x: model.encode_decode(x, METAS),
    'extract_feat': lambda model, x: model.extract_feat(x),
    'all_logits': lambda model, x: model.all_logits(x, METAS),
}


@torch.no_grad()
@pytest.mark.parametrize('entry', ENTRIES)
def test_whatever_is_called_first(config, singles, entry):
    model = init_model(config, None, device='cpu')
    ENTRIES[entry](model, make_batch()[0])
    expected = torch.load(singles[0])['state_dict'].values()
    assert same(weights_of(model.networks.top), expected)


def test_it_is_not_recorded_without_its_weights(config):
    model = init_model(config, None, device='cpu')
    with pytest.raises(Exception, match=r'call model\.init_weights\(\) before'):
        torch.export.export(model, (make_batch()[0],))


@torch.no_grad()
@pytest.mark.parametrize('how', ['checkpoint', 'state dict', 'network', 'init_weights'])
def test_other_weights_stay(config, how, tmp_path):
    model = MODELS.build(config.model).eval()
    other = build_pair(**SHORT)
    if how == 'checkpoint':
        torch.save(other.state_dict(), tmp_path / 'a.pth')
        load_checkpoint(model, str(tmp_path / 'a.pth'))
    elif how == 'state dict':
        model.load_state_dict(other.state_dict())
    elif how == 'network':
        model.networks.top.load_state_dict(other.networks.top.state_dict())
    else:
        model.init_weights()
        model.networks.top.load_state_dict(other.networks.top.state_dict())
    expected = weights_of(model)
    model(make_batch()[0])
    assert same(weights_of(model), expected)
