"""Reported situations of models: a pair beside MMSegmentation's own network."""

import copy

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_coop.models.checkpoint_weights import load_weights

from helpers.tiny import (
    AUXILIARY_HEAD,
    BACKBONE,
    HEADS,
    build_pair,
    make_batch,
    network_config,
    single_like,
    total_loss,
)

ODD = [(67, 53), (33, 65), (31, 47)]


@pytest.mark.parametrize('shape', ODD)
@pytest.mark.parametrize('pattern', ['same', 'multi'])
def test_odd_sizes_are_those_of_the_host(pattern, shape):
    """open-mmlab/mmsegmentation#3347 and #3876: sizes as TTA makes them."""
    test_cfg = dict(mode='whole', predict='bottom')
    pair = build_pair(connections=pattern, test_cfg=test_cfg).eval()
    # With identity start, bottom is still the single network.
    host = single_like(pair, 'bottom', 'deeplabv3plus').eval()
    inputs, samples = make_batch(1, shape)
    with torch.no_grad():
        (found,), (expected,) = (
            model(inputs, copy.deepcopy(samples), mode='predict')
            for model in (pair, host)
        )
    assert torch.equal(found.seg_logits.data, expected.seg_logits.data)
    assert found.pred_sem_seg.shape == shape


@pytest.mark.parametrize('ignored', ['some', 'all'])
def test_ignored_pixels_in_dice_and_mean(ignored):
    """qubvel-org/segmentation_models.pytorch#1151, Lightning-AI/torchmetrics#2849."""
    losses = [
        dict(type='CrossEntropyLoss', loss_name='loss_ce', avg_non_ignore=True),
        dict(type='DiceLoss', loss_name='loss_dice'),
    ]
    changes = dict(
        decode_head=dict(HEADS['deeplabv3plus'], loss_decode=losses, dropout_ratio=0.0),
        auxiliary_head=dict(AUXILIARY_HEAD, dropout_ratio=0.0),
    )
    inputs, samples = make_batch()
    if ignored == 'all':
        for sample in samples:
            sample.gt_sem_seg.data[:] = 255
    pair = build_pair(connections='same', **changes)
    hosts = {
        name: single_like(pair, name, 'deeplabv3plus', **changes)
        for name in ('top', 'bottom')
    }
    found = pair(inputs, copy.deepcopy(samples), mode='loss')
    for name, host in hosts.items():
        expected = host(inputs, copy.deepcopy(samples), mode='loss')
        assert expected
        for key, value in expected.items():
            assert torch.equal(found[f'{name}.{key}'], value)
    total_loss(found).backward()
    assert all(p.grad.isfinite().all() for p in pair.parameters())


@pytest.mark.parametrize('stages', [1, 4])
@pytest.mark.parametrize('pattern', ['same', 'multi'])
def test_frozen_stages_leave_no_parameter_unused(pattern, stages):
    """roboflow/rf-detr#1094, NVIDIA-BioNeMo/KERMT#23: DDP would stop at one."""
    backbone = dict(BACKBONE, frozen_stages=stages, norm_eval=True)
    host = MODELS.build(network_config('danet', backbone=backbone))
    pair = build_pair('danet', connections=pattern, backbone=backbone)
    frozen = [name for name, p in host.named_parameters() if not p.requires_grad]
    assert frozen
    before = copy.deepcopy(pair.networks.state_dict())
    pair.train()
    total_loss(pair(*make_batch(), mode='loss')).backward()
    for network in ('top', 'bottom'):
        found = dict(pair.networks[network].named_parameters())
        assert [name for name, p in found.items() if not p.requires_grad] == frozen
    for name, parameter in pair.named_parameters():
        assert (parameter.grad is None) == (not parameter.requires_grad), name
    after = pair.networks.state_dict()
    kept = [key for key in after if 'backbone' in key]
    assert all(torch.equal(before[key], after[key]) for key in kept)


@pytest.mark.parametrize('pattern', [None, 'same'])
def test_a_last_batch_of_one_image_is_refused_as_by_the_host(pattern):
    """openclimatefix/pvnet#528: batch norm after global pooling needs two images."""
    host = MODELS.build(network_config('deeplabv3plus')).train()
    pair = build_pair(connections=pattern).train()
    messages = []
    for model in (host, pair):
        with pytest.raises(ValueError, match='more than 1 value') as error:
            model(*make_batch(1), mode='loss')
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    # An error inside of a run leaves nothing behind.
    pair(*make_batch(2), mode='loss')


@pytest.mark.parametrize(
    ('prefix', 'loads'), [('module.', True), ('_orig_mod.', False)]
)
def test_prefixes_of_wrapped_models(prefix, loads, tmp_path):
    """tier4/Diffusion-Planner#230, FareedKhan-dev/train-llm-from-scratch#37."""
    trained, pair = build_pair(connections='same'), build_pair(connections='same')
    path = str(tmp_path / 'wrapped.pth')
    weights = trained.state_dict()
    torch.save({'state_dict': {prefix + k: v for k, v in weights.items()}}, path)
    if loads:
        load_weights(pair, path)
        found = pair.state_dict()
        assert all(torch.equal(found[key], weights[key]) for key in weights)
        return
    # MMEngine warns and goes on with random weights.
    with pytest.raises(ValueError, match='_orig_mod'):
        load_weights(pair, path)
