"""``with_cp`` changes memory and time, and nothing else."""

import copy

import pytest
import torch
from mmengine.runner import turn_on_activation_checkpointing

from mmseg_coop.models.recompute import parts_of_head, recompute_modules

from helpers.tiny import (
    EMA_HEAD,
    NUM_CLASSES,
    build_pair,
    fcn_head,
    make_batch,
    total_loss,
)

UPER_HEAD = dict(
    type='UPerHead',
    in_channels=[8, 16, 32, 64],
    in_index=[0, 1, 2, 3],
    channels=16,
    pool_scales=(1, 2),
    num_classes=NUM_CLASSES,
    norm_cfg=dict(type='BN'),
)


def step(model):
    """Losses of two steps, gradients of the second, and the state after them."""
    for _ in range(2):
        torch.manual_seed(1)
        model.zero_grad()
        losses = model.loss(*make_batch())
        total_loss(losses).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return losses | gradients | model.state_dict()


@pytest.mark.parametrize(
    ('network', 'pattern'),
    [('danet', 'multi'), ('deeplabv3plus', None), ('deeplabv3plus', 'same')],
)
def test_losses_gradients_and_statistics_stay_the_same(network, pattern):
    plain, recomputed = (
        build_pair(network, pattern, with_cp=value).train() for value in (False, True)
    )
    recomputed.load_state_dict(plain.state_dict(), strict=True)
    assert_same_step(plain, recomputed)


@pytest.mark.parametrize('norm', ['BN', 'IN'])
def test_statistics_of_connectors_are_counted_once(norm):
    connector = dict(
        start='random',
        norm_cfg=dict(type=norm, track_running_stats=True),
        act_cfg=dict(type='ReLU', inplace=False),
    )
    connections = dict(pattern='same', sites=['backbone.layer2'], connector=connector)
    plain, recomputed = (
        build_pair('danet', connections, with_cp=value).train()
        for value in (False, True)
    )
    recomputed.load_state_dict(plain.state_dict(), strict=True)
    assert_same_step(plain, recomputed)


def assert_same_step(plain, recomputed):
    expected, found = step(plain), step(recomputed)
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


OCR_HEAD = dict(fcn_head(64, 3), type='OCRHead', ocr_channels=8)
for _option in ('num_convs', 'concat_input'):
    del OCR_HEAD[_option]


@pytest.mark.parametrize(
    'options',
    [
        dict(num_stages=2, decode_head=[fcn_head(64, 3), OCR_HEAD]),
        dict(decode_head=EMA_HEAD),
    ],
    ids=['cascade', 'EMANet'],
)
def test_other_heads(options):
    plain, recomputed = (
        build_pair(
            connections=dict(pattern='same', sites='backbone'),
            with_cp=value,
            **options,
        ).train()
        for value in (False, True)
    )
    recomputed.load_state_dict(plain.state_dict(), strict=True)
    expected, found = step(plain), step(recomputed)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-3, atol=1e-4, msg=key)


def test_activation_checkpointing_of_the_host():
    """MMEngine's ``cfg.activation_checkpointing`` may compute a site again."""
    for network, site in (
        ('bottom', 'backbone.layer2'),
        ('bottom', 'backbone.layer2.0'),
        ('top', 'backbone.layer2.0'),
    ):
        model = build_pair(connections=dict(pattern='same', sites=[site])).train()
        turn_on_activation_checkpointing(model, [f'networks.{network}.backbone.layer2'])
        loss = total_loss(model.loss(*make_batch()))
        # Inside, what arrived would be missing, and the gradient of what was sent.
        if site.endswith('.0'):
            with pytest.raises(RuntimeError, match=rf'^site {site} of {network}: '):
                loss.backward()
        else:
            loss.backward()


def kept(model) -> int:
    """Bytes that a training step keeps for the backward pass."""
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage
        return tensor

    inputs, samples = make_batch()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.loss(inputs, samples)
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    return sum(s.nbytes() for p, s in sizes.items() if p not in parameters)


def test_activations_are_not_kept():
    plain, recomputed = (
        build_pair('danet', 'same', with_cp=value).train() for value in (False, True)
    )
    assert kept(recomputed) < kept(plain) / 2


def test_heads_with_lists_of_modules():
    model = build_pair(decode_head=UPER_HEAD, auxiliary_head=None).train()
    before = kept(model)
    heads = [network.decode_head for network in model.networks.values()]
    for head in heads:
        recompute_modules(parts_of_head(head))
    assert kept(model) < before * 0.9
    assert total_loss(model.loss(*make_batch())).isfinite()


def test_a_copy_runs_with_its_own_weights():
    model = build_pair('deeplabv3plus', 'same', with_cp=True).eval()
    copied = copy.deepcopy(model)
    inputs, _ = make_batch()
    with torch.no_grad():
        expected = model(inputs)
        for parameter in model.parameters():
            parameter.fill_(1.0)
        assert torch.equal(copied(inputs), expected)
