"""Pairs of every family against MMSegmentation's own network."""

import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from torch import nn

from helpers.families import FAMILIES
from helpers.tiny import make_batch, total_loss

# Those whose sites differ in kind: streams, sizes, tokens, a cascade's heads.
# What is connected by ``same``, these connect, too.
_MULTI = [
    'danet',
    'hrnet_ocr',
    'unet',
    'pidnet',
    'fpn',
    'swin',
    'convnext',
    'segmenter',
    'dpt',
    'beit',
]
# Regions of their backbones are computed again in the backward pass.
_WITH_CP = ['swin', 'vit_upernet', 'convnext', 'mobilenet_v2']


def _pair(config: dict, size: tuple[int, int], pattern: str):
    """A pair with weights as after some training: zeros would hide differences."""
    model = MODELS.build(
        dict(
            copy.deepcopy(config),
            type='CooperativeEncoderDecoder',
            network_type=config['type'],
            data_preprocessor=dict(type='SegDataPreProcessor', size=size),
            connections=dict(pattern=pattern),
        )
    )
    with torch.no_grad():
        for parameter in model.networks.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return model


def _plain(config: dict, model) -> dict[str, nn.Module]:
    """MMSegmentation's networks with the weights of the pair's."""
    networks = {}
    for name, network in model.networks.items():
        networks[name] = MODELS.build(copy.deepcopy(config))
        networks[name].load_state_dict(network.state_dict())
    return networks


def _batch(size: tuple[int, int]):
    inputs, samples = make_batch(2, size)
    for sample in samples:
        edges = torch.randint(0, 2, (1, *size))
        sample.set_data({'gt_edge_map': PixelData(data=edges)})
    return inputs, samples


def _check_logits(model, plain, inputs, samples) -> None:
    metas = [sample.metainfo for sample in samples]
    with torch.no_grad():
        torch.manual_seed(1)
        found = model.eval().all_logits(inputs, metas)
        torch.manual_seed(1)
        for name, network in plain.items():
            expected = network.eval().encode_decode(inputs, metas)
            assert torch.equal(found[name], expected)


def _check_losses(model, plain, inputs, samples) -> None:
    """Networks draw in their order, as for dropout: top, bottom."""
    torch.manual_seed(1)
    found = model.train().loss(inputs, samples)
    torch.manual_seed(1)
    expected = {
        f'{name}.{key}': value
        for name, network in plain.items()
        for key, value in network.train().loss(inputs, samples).items()
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    total_loss(found).backward()
    total_loss(expected).backward()


def _check_gradients(model, plain) -> None:
    for name, network in plain.items():
        found = dict(model.networks[name].named_parameters())
        for key, parameter in network.named_parameters():
            gradient = found[key].grad
            assert (gradient is None) == (parameter.grad is None), key
            if gradient is not None:
                # Layouts in memory may differ, and with them the order of sums.
                torch.testing.assert_close(gradient, parameter.grad, msg=key)
    for key, parameter in model.plan.named_parameters():
        assert parameter.grad is not None, key


def _check_cooperation(model, inputs, samples) -> None:
    """The loss of bottom reaches the backbone of top once connectors have learnt."""
    model.zero_grad()
    for parameter in model.plan.parameters():
        nn.init.normal_(parameter, std=0.1)
    losses = model.loss(inputs, samples)
    own = {key: value for key, value in losses.items() if key.startswith('bottom.')}
    total_loss(own).backward()
    gradients = [p.grad for p in model.networks['top'].backbone.parameters()]
    assert any(g is not None and g.abs().max() > 0 for g in gradients)


def _check(config: dict, size: tuple[int, int], pattern: str) -> None:
    model = _pair(config, size, pattern)
    plain = _plain(config, model)
    batch = _batch(size)
    assert model.plan.inside_backbones
    _check_logits(model, plain, *batch)
    _check_losses(model, plain, *batch)
    _check_gradients(model, plain)
    _check_cooperation(model, *batch)


@pytest.mark.parametrize(
    ('family', 'pattern'),
    [(family, 'multi' if family in _MULTI else 'same') for family in FAMILIES],
)
def test_pair_starts_as_the_plain_networks(family, pattern):
    _check(FAMILIES[family], (64, 96), pattern)


@pytest.mark.parametrize('family', _WITH_CP)
def test_pair_of_networks_that_compute_activations_again(family):
    config = copy.deepcopy(FAMILIES[family])
    config.backbone.with_cp = True
    _check(config, (64, 96), 'same')


@pytest.mark.parametrize('family', ['fcn', 'segformer', 'vit_upernet', 'swin'])
def test_images_that_are_no_multiple_of_the_stride(family):
    _check(FAMILIES[family], (75, 101), 'same')
