"""What can't work is said when the model is built."""

import pytest

from tiny import build_pair, fcn_head

LAYER1 = dict(source='top.backbone.layer1', target='bottom.backbone.layer1')


def connections(**options):
    return dict(connections=dict(pattern='same', **options))


ONE_LEVEL = dict(
    backbone=dict(type='MobileNetV2', widen_factor=0.25, out_indices=(1, 2)),
    decode_head=fcn_head(8, 1),
    auxiliary_head=None,
)
ERRORS = {
    'a site that no head reads': (
        dict(ONE_LEVEL, connections=dict(pattern='same', sites=['backbone.0'])),
        r'no head reads bottom.backbone.0, .* the sites that heads read are backbone.1',
    ),
    'unknown site': (
        connections(sites=['backbone.layer9']),
        r"connections.sites: unknown site 'backbone.layer9'; the sites are "
        r'backbone.layer1, backbone.layer2, .*decode_head.cam',
    ),
    'unknown site in a list': (
        dict(connections=[dict(LAYER1, source='top.backbone.layer9')]),
        r"connections\[0\]: unknown site 'backbone.layer9'; the sites are backbone",
    ),
    'unknown network': (
        dict(connections=[dict(LAYER1, source='left.backbone.layer1')]),
        r"connections\[0\]: unknown network 'left'; the networks are top, bottom",
    ),
    'no network': (
        dict(connections=[dict(LAYER1, source='layer1')]),
        r"connections\[0\].source: found 'layer1', expected a network and a site",
    ),
    'no target': (
        dict(connections=[dict(source='top.backbone.layer1')]),
        r"connections\[0\]: 'target' is missing",
    ),
    'unknown key': (
        connections(fusion='sum'),
        r"connections: unknown key 'fusion'; expected one of \['aggregation', 'conn",
    ),
    'unknown key in a list': (
        dict(connections=[dict(LAYER1, detach=True)]),
        r"connections\[0\]: unknown key 'detach'",
    ),
    'unknown pattern': (
        dict(connections=dict(pattern='all')),
        r"connections.pattern: found 'all', expected one of \['multi', 'same'\]",
    ),
    'no pattern': (
        dict(connections=dict(sites=['backbone.layer1'])),
        r'connections.pattern: found None',
    ),
    'multi with one site': (
        dict(connections=dict(pattern='multi', sites=['backbone.layer1'])),
        r"connections.sites: pattern 'multi' aggregates several sites, found "
        r"\['backbone.layer1'\]; name at least two",
    ),
    'cycle': (
        dict(
            connections=[
                dict(source='top.backbone.layer2', target='bottom.backbone.layer1'),
                dict(source='bottom.backbone.layer2', target='top.backbone.layer1'),
            ]
        ),
        r'connections: a feature map would depend on itself: .*layer2 -> .*layer1',
    ),
    'cycle at one site': (
        dict(
            connections=[
                LAYER1,
                dict(source=LAYER1['target'], target=LAYER1['source']),
            ]
        ),
        r'connections: a feature map would depend on itself',
    ),
    'same network': (
        dict(connections=[dict(LAYER1, source='bottom.backbone.layer2')]),
        r"connects network 'bottom' with itself",
    ),
    'two connections to a site': (
        dict(connections=[LAYER1, dict(LAYER1, source='top.backbone.layer2')]),
        r'connections\[1\]: bottom.backbone.layer1 is already the target of',
    ),
    'streams that must not mix': (
        dict(
            connections=[
                dict(source='top.decode_head.pam', target='bottom.decode_head.cam')
            ]
        ),
        r"connections\[0\]: top.decode_head.pam \(stream 'pam'\) must not be mixed "
        r"into bottom.decode_head.cam \(stream 'cam'\); .* mix_streams=True",
    ),
    'channels that do not fit': (
        connections(connector=dict(channels=12)),
        r"connector.channels: found 12, but 'top.backbone.layer1 -> "
        r"bottom.backbone.layer1' has 8 channels at bottom.backbone.layer1",
    ),
    'unknown fusion': (
        connections(connector=dict(fusion='product')),
        r"connector.fusion: found 'product', expected one of concat, sum, gate",
    ),
    'unknown start': (
        connections(connector=dict(start='zero')),
        r"connector.start: found 'zero', expected one of identity, random",
    ),
    'norm with identity start': (
        connections(connector=dict(norm_cfg=dict(type='BN'))),
        r"connector: norm_cfg and act_cfg .* set start='random'",
    ),
    'stride of no source': (
        dict(connections=dict(pattern='multi', aggregation=dict(stride=3))),
        r'aggregation.stride: found 3, expected that of one of the sources: \[4, 8\]',
    ),
    'unknown network in predict': (
        dict(test_cfg=dict(mode='whole', predict='left')),
        r"test_cfg.predict: unknown network 'left'; expected one of top, bottom, mean",
    ),
    'unknown mode': (
        dict(test_cfg=dict(mode='tiles')),
        r"test_cfg.mode: found 'tiles', expected 'whole' or 'slide'",
    ),
    'slide without windows': (
        dict(test_cfg=dict(mode='slide', crop_size=(32, 32))),
        r"test_cfg.stride: missing; mode='slide' needs crop_size and stride",
    ),
    'one network': (
        dict(num_networks=1),
        r"num_networks: found 1, expected at least 2; .*'EncoderDecoder'",
    ),
    'too few checkpoints': (
        dict(networks_init=['a.pth']),
        r"networks_init: found \['a.pth'\], expected a list with a value for each",
    ),
    'too many weights': (
        dict(loss_weights=[1, 1, 1]),
        r'loss_weights: found \[1, 1, 1\], expected a list',
    ),
}


@pytest.mark.parametrize('name', ERRORS)
def test_error(name):
    options, message = ERRORS[name]
    with pytest.raises(ValueError, match=message) as error:
        build_pair('danet', **options)
    assert len(str(error.value)) < 600


def test_streams_mix_on_request():
    model = build_pair(
        'danet',
        connections=[
            dict(
                source='top.decode_head.pam',
                target='bottom.decode_head.cam',
                mix_streams=True,
            )
        ],
    )
    assert list(model.connectors) == ['bottom_decode_head_cam']
    model = build_pair('danet', connections=dict(pattern='multi', mix_streams=True))
    assert len(model.aggregations) == 1


def test_multi_keeps_the_streams_of_danet_apart():
    plan = build_pair('danet', 'multi').plan
    branches = {
        target.site: {s.site for s in connection.sources if 'decode_head' in s.site}
        for connection in plan.connections
        for target in connection.targets
    }
    assert branches['decode_head.pam'] == {'decode_head.pam'}
    assert branches['decode_head.cam'] == {'decode_head.cam'}
    assert branches['backbone.layer4'] == set()


def test_levels_that_no_head_reads_are_read_but_not_written():
    plan = build_pair(**ONE_LEVEL, connections='same').plan
    assert str(plan) == 'top.backbone.1 -> bottom.backbone.1'
    plan = build_pair(**ONE_LEVEL, connections='multi').plan
    assert str(plan) == 'top.backbone.0 + top.backbone.1 -> bottom.backbone.1'


def test_channels_may_be_given():
    model = build_pair(
        connections=dict(
            pattern='same',
            sites=['backbone.layer1'],
            connector=dict(channels=8, source_channels=8),
        )
    )
    assert model.connectors['bottom_backbone_layer1'].own.in_channels == 8
