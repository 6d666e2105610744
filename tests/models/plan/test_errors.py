"""Errors of configs, raised when the model is built."""

import pytest

from helpers.tiny import build_pair, fcn_head

STAGES = ['backbone.layer1', 'backbone.layer2']
LAYER1 = dict(source='top.backbone.layer1', target='bottom.backbone.layer1')


def connections(**options):
    return dict(connections=dict(pattern='same', **options))


UNREAD = dict(
    neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),
    decode_head=fcn_head(8, 1),
    auxiliary_head=None,
)
ERRORS = {
    'a site that no head reads': (
        dict(UNREAD, connections=[dict(source='top.neck:1', target='bottom.neck:0')]),
        r'no head reads bottom.neck:0, .* the sites that heads read are .*neck:1',
    ),
    'a site of a pattern that no head reads': (
        dict(UNREAD, **connections(sites=['neck:0', 'neck:1'])),
        r"connections.sites: found 'neck:0', expected sites on which a head depends",
    ),
    'networks that wait for each other': (
        dict(connections=dict(pattern='cross', read='fused')),
        r"connections: a feature map would depend on itself: .*read='own'",
    ),
    'unknown site': (
        connections(sites=['backbone.layer9']),
        r"connections: networks.top: site 'backbone.layer9' is no module of the netw",
    ),
    'unknown site in a list': (
        dict(connections=[dict(LAYER1, source='top.backbone.layer9')]),
        r"connections: networks.top: site 'backbone.layer9' is no module of the netw",
    ),
    'a module that is called twice': (
        connections(sites=['backbone.layer1.0.relu']),
        r"networks.top: site 'backbone.layer1.0.relu' is called 2 times in training",
    ),
    'a site inside of a recomputed region': (
        dict(with_cp=True, **connections(sites=['backbone.layer1.0.conv1'])),
        r"site 'backbone.layer1.0.conv1' is inside a region that is computed again",
    ),
    'unknown part': (
        connections(sites='stem'),
        r"connections.sites: found 'stem', expected .*a part: backbone, decode_head",
    ),
    'a number of networks': (
        connections(among=3),
        r'connections.among: found 3, expected a list of networks',
    ),
    'unknown network in sites': (
        connections(sites=dict(left=['backbone.layer1'])),
        r"connections.sites: unknown network 'left'; the networks are top, bottom",
    ),
    'sites that can not be matched': (
        connections(sites=dict(top=STAGES[:1], bottom=STAGES[:2])),
        r'sites of top and bottom can not be matched .*top: backbone.layer1; bottom: b',
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
        r'connections\[0\].target: found None, expected network.site, or a list',
    ),
    'unknown key': (
        connections(fusion='sum'),
        r"keys of pattern 'same': found \['fusion'\], expected one of \['aggregation'",
    ),
    'unknown key in a list': (
        dict(connections=[dict(LAYER1, fusion='sum')]),
        r"connections\[0\]: unknown key 'fusion'",
    ),
    'unknown pattern': (
        dict(connections=dict(pattern='all')),
        r"connections.pattern: found 'all', expected one of adjacent, cross, dense",
    ),
    'no pattern': (
        dict(connections=dict(sites=['backbone.layer1'])),
        r'connections.pattern: found None',
    ),
    'sites of which none is sent to another': (
        dict(
            connections=dict(
                pattern='dense', sites=['decode_head.pam', 'decode_head.cam']
            )
        ),
        r"connections: pattern 'dense' connects nothing of {'top': \['decode_head.pam'",
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
        r'connector.channels: found 12, expected no such option: the model gives',
    ),
    'dropout that is no probability': (
        connections(dropout=1.5),
        r'connections.dropout: found 1.5, expected a probability',
    ),
    'unknown read': (
        connections(read='both'),
        r"connections.read: found 'both', expected one of fused, own",
    ),
    'unknown start': (
        connections(connector=dict(start='zero')),
        r"^connections.connector.start: found 'zero', expected one of identity, random",
    ),
    'unknown start in a list': (
        dict(connections=[dict(LAYER1, connector=dict(start='zero'))]),
        r"^connections\[0\].connector.start: found 'zero', expected one of identity",
    ),
    'width of an aggregation in a list': (
        dict(
            connections=[
                dict(LAYER1, source=[LAYER1['source']] * 2, aggregation=dict(width=0))
            ]
        ),
        r'^connections\[0\].aggregation.width: found 0, expected a number of channels',
    ),
    'norm with identity start': (
        connections(connector=dict(norm_cfg=dict(type='BN'))),
        r"^connections.connector: norm_cfg and act_cfg .* set start='random'",
    ),
    'unknown connector': (
        connections(connector=dict(type='NoConnector')),
        r"connections.connector.type: found 'NoConnector', expected a class in the reg",
    ),
    'a class that is no connector': (
        connections(connector=dict(type='ReLU')),
        r"connections.connector.type: found 'ReLU', expected a class that is built",
    ),
    'unknown network in predict': (
        dict(test_cfg=dict(mode='whole', predict='left')),
        r"test_cfg.predict: found 'left', expected one of top, bottom, mean",
    ),
    'unknown mode': (
        dict(test_cfg=dict(mode='tiles')),
        r"test_cfg.mode: found 'tiles', expected 'whole' or 'slide'",
    ),
    'slide without windows': (
        dict(test_cfg=dict(mode='slide', crop_size=(32, 32))),
        r"test_cfg.stride: found None, expected height and width, as mode='slide'",
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
    assert list(model.plan.connectors) == ['BOTTOM_DECODE-HEAD_CAM']
    model = build_pair('danet', connections=dict(pattern='multi', mix_streams=True))
    assert len(model.plan.aggregations) == 1


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


def test_a_level_that_no_head_reads_is_read_but_not_written():
    plan = build_pair(**UNREAD, connections=dict(pattern='same', sites='neck')).plan
    assert str(plan) == 'top.neck:1 -> bottom.neck:1 (late)'
    plan = build_pair(**UNREAD, connections=dict(pattern='multi', sites='neck')).plan
    assert str(plan).endswith('+ top.neck:3 -> bottom.neck:1 (late)')
