"""A walk nobody listens to is the network's own forward, to the bit."""

import copy

import pytest
import torch
from mmseg.models.decode_heads import DAHead
from mmseg.registry import MODELS

from mmseg_coop.models.sites import (
    find_sites,
    forward_head,
    head_loss,
    head_predict,
    walk,
)

from tiny import (
    HEADS,
    NUM_CLASSES,
    as_tuple,
    fcn_head,
    make_batch,
    network_config,
    run_walk,
)

BN = dict(type='BN')
STAGES = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), norm_cfg=BN)


def _resnet(kind: str, depth: int, channels: int, **options) -> dict:
    """A ResNet of 64 channels in its last stage, with a DeepLabV3+ head."""
    stem = dict(stem_channels=8) if kind != 'ResNeXt' else {}
    return dict(
        backbone=dict(
            STAGES, type=kind, depth=depth, base_channels=channels, **stem, **options
        ),
        decode_head=dict(
            HEADS['deeplabv3plus'],
            in_channels=8 * channels * (1 if depth == 18 else 4),
            c1_in_channels=channels * (1 if depth == 18 else 4),
        ),
        auxiliary_head=None,
    )


NETWORKS = {
    'danet': network_config('danet'),
    'danet-efficient': network_config(
        'danet', decode_head={**HEADS['danet'], 'type': 'EfficientDAHead'}
    ),
    'deeplabv3plus': network_config('deeplabv3plus'),
    'deeplabv3plus-no-c1': network_config(
        'deeplabv3plus',
        decode_head=dict(HEADS['deeplabv3plus'], c1_in_channels=0, c1_channels=0),
    ),
    'deeplabv3': network_config(
        'danet',
        decode_head=dict(
            type='ASPPHead',
            in_channels=64,
            in_index=3,
            channels=16,
            dilations=(1, 2, 3),
            num_classes=NUM_CLASSES,
            norm_cfg=BN,
        ),
    ),
    'resnet': network_config('danet', **_resnet('ResNet', 18, 8)),
    'resnet-v1d': network_config('danet', **_resnet('ResNetV1d', 18, 8)),
    'resnet-frozen': network_config(
        'danet', **_resnet('ResNetV1c', 18, 8, frozen_stages=1, norm_eval=True)
    ),
    'resnet-checkpointed': network_config(
        'danet', **_resnet('ResNetV1c', 18, 8, with_cp=True)
    ),
    'resnet-two-levels': network_config(
        'danet',
        **{
            **_resnet('ResNetV1c', 18, 8, out_indices=(0, 3)),
            'decode_head': dict(HEADS['deeplabv3plus'], in_index=1),
        },
    ),
    'resnext': network_config(
        'danet', **_resnet('ResNeXt', 50, 4, groups=2, base_width=32)
    ),
    'resnest': network_config('danet', **_resnet('ResNeSt', 50, 4, radix=2)),
    'fallback-head': network_config('danet', decode_head=fcn_head(64, 3)),
    'fallback-head-own-predict': network_config(
        'danet',
        decode_head=dict(
            type='EncHead',
            in_channels=[16, 32, 64],
            in_index=(1, 2, 3),
            channels=16,
            num_codes=4,
            num_classes=NUM_CLASSES,
            norm_cfg=BN,
        ),
    ),
    'fallback-backbone': network_config(
        'danet',
        backbone=dict(
            type='MobileNetV2', widen_factor=0.25, out_indices=(1, 2), norm_cfg=BN
        ),
        decode_head=fcn_head(8, 1),
        auxiliary_head=None,
    ),
    'fallback-transformer': network_config(
        'danet',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=4,
            num_layers=(1, 1, 1, 1),
            num_heads=(1, 1, 1, 2),
            drop_path_rate=0.0,
        ),
        decode_head=dict(
            type='SegformerHead',
            in_channels=[4, 4, 4, 8],
            in_index=[0, 1, 2, 3],
            channels=8,
            num_classes=NUM_CLASSES,
            norm_cfg=BN,
        ),
        auxiliary_head=None,
    ),
    'neck': network_config(
        'danet',
        neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
    ),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    model = MODELS.build(NETWORKS[request.param])
    # Attention streams start at zero weight, which would hide them.
    if isinstance(model.decode_head, DAHead):
        model.decode_head.pam.gamma.scale.data.fill_(0.7)
        model.decode_head.cam.gamma.scale.data.fill_(0.3)
    return model


def assert_equal(found, expected):
    for a, b in zip(as_tuple(found), as_tuple(expected), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize('training', [True, False], ids=['train', 'eval'])
def test_walk_is_forward(network, training):
    network.train(training)
    other = copy.deepcopy(network)
    inputs, _ = make_batch()

    torch.manual_seed(1)
    expected = network(inputs)
    torch.manual_seed(1)
    walked = run_walk(other, inputs)
    found = forward_head(other.decode_head, walked)

    assert_equal(found, expected)
    for (name, a), (_, b) in zip(
        other.state_dict().items(), network.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name


def test_loss_and_gradients_are_those_of_the_head(network):
    network.train()
    other = copy.deepcopy(network)
    inputs, samples = make_batch()

    torch.manual_seed(1)
    expected = network.decode_head.loss(network.extract_feat(inputs), samples, {})
    torch.manual_seed(1)
    found = head_loss(other.decode_head, run_walk(other, inputs), samples, {})

    assert found.keys() == expected.keys()
    for key in expected:
        assert torch.equal(found[key], expected[key]), key
    sum(v for k, v in expected.items() if 'loss' in k).backward()
    sum(v for k, v in found.items() if 'loss' in k).backward()
    for (name, a), (_, b) in zip(
        other.named_parameters(), network.named_parameters(), strict=True
    ):
        if b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_predict_is_that_of_the_head(network):
    network.eval()
    inputs, samples = make_batch()
    metas = [sample.metainfo for sample in samples]
    with torch.no_grad():
        expected = network.encode_decode(inputs, metas)
        walked = run_walk(network, inputs)
        found = head_predict(network.decode_head, walked, metas, network.test_cfg)
    assert torch.equal(found, expected)


def test_sites_match_what_a_walk_stops_at(network):
    network.train()
    before = copy.deepcopy(network.state_dict())
    modes = [m.training for m in network.modules()]
    sites = find_sites(network)

    assert [m.training for m in network.modules()] == modes
    for name, value in network.state_dict().items():
        assert value.device.type == 'cpu' and torch.equal(value, before[name])

    inputs, _ = make_batch(shape=(128, 64))
    network.eval()
    found = []
    steps = walk(network, inputs)
    try:
        stop = next(steps)
        while True:
            found.append((stop.site, stop.stream, stop.feature.shape[1:]))
            stop = steps.send(stop.feature)
    except StopIteration:
        pass
    assert found == [
        (s.name, s.stream, (s.channels, 128 // s.stride, 64 // s.stride))
        for s in sites.values()
    ]


def test_sites_of_the_two_networks_of_the_paper():
    stages = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]
    danet = find_sites(MODELS.build(NETWORKS['danet']))
    assert list(danet) == [*stages, 'decode_head.pam', 'decode_head.cam']
    assert [s.stream for s in danet.values()] == ['trunk'] * 4 + ['pam', 'cam']
    assert [s.channels for s in danet.values()] == [8, 16, 32, 64, 16, 16]
    assert [s.stride for s in danet.values()] == [4, 8, 8, 8, 8, 8]
    deeplab = find_sites(MODELS.build(NETWORKS['deeplabv3plus']))
    assert list(deeplab) == [*stages, 'decode_head.aspp', 'decode_head.decoder']
    assert {s.stream for s in deeplab.values()} == {'trunk'}
    assert [s.stride for s in deeplab.values()] == [4, 8, 8, 8, 8, 4]


def test_a_head_that_overrides_forward_is_not_walked():
    class OtherHead(DAHead):
        def forward(self, inputs):
            return tuple(x * 2 for x in super().forward(inputs))

    config = network_config('danet')
    config['decode_head']['type'] = OtherHead
    network = MODELS.build(config).eval()
    assert 'decode_head.pam' not in find_sites(network)
    inputs, _ = make_batch()
    walked = run_walk(network, inputs)
    assert_equal(forward_head(network.decode_head, walked), network(inputs))


def test_four_channel_images():
    config = network_config('danet', backbone=dict(NETWORKS['danet']['backbone']))
    config['backbone']['in_channels'] = 4
    assert find_sites(MODELS.build(config))['backbone.layer4'].channels == 64
