"""Plans are carried out by demand, and keep nothing longer than it is read."""

import gc
import weakref

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_coop.models.plan import SiteRef

from tiny import BACKBONE, build_pair, fcn_head, make_batch, network_config, total_loss

STAGES = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]
NETWORKS = ['danet', 'deeplabv3plus']
PATTERNS = ['same', 'multi']


def calls_of(model, inputs) -> dict[str, int]:
    """How often each module of the model is called to predict."""
    calls = {}

    def count(name):
        def hook(*_):
            calls[name] = calls.get(name, 0) + 1

        return hook

    hooks = [m.register_forward_hook(count(n)) for n, m in model.named_modules()]
    with torch.no_grad():
        model.eval()(inputs)
    for hook in hooks:
        hook.remove()
    return calls


@pytest.mark.parametrize('pattern', PATTERNS)
@pytest.mark.parametrize('network', NETWORKS)
def test_bottom_runs_nothing_of_top_behind_its_last_site(network, pattern):
    model = build_pair(network, pattern, test_cfg=dict(predict='bottom'))
    calls = calls_of(model, make_batch()[0])
    last = {
        'danet': ['conv_seg', 'pam_out_conv', 'cam_out_conv', 'pam_conv_seg'],
        'deeplabv3plus': ['conv_seg'],
    }[network]
    for name in last:
        assert f'networks.top.decode_head.{name}' not in calls
        assert calls[f'networks.bottom.decode_head.{name}'] == 1
    assert calls['networks.top.backbone.layer4'] == 1
    assert not any('auxiliary_head' in name for name in calls)


@pytest.mark.parametrize('pattern', PATTERNS)
def test_top_runs_nothing_of_bottom(pattern):
    model = build_pair('danet', pattern, test_cfg=dict(predict='top'))
    calls = calls_of(model, make_batch()[0])
    assert any(name.startswith('networks.top.') for name in calls)
    assert not any(
        name.startswith(('networks.bottom', 'connectors', 'aggregations'))
        for name in calls
    )


def test_only_the_connected_part_of_top_is_run():
    model = build_pair(
        connections=dict(pattern='same', sites=['backbone.layer2']),
        test_cfg=dict(predict='bottom'),
    )
    calls = calls_of(model, make_batch()[0])
    assert 'networks.top.backbone.layer2' in calls
    assert 'networks.top.backbone.layer3' not in calls


@pytest.mark.parametrize('predict', ['bottom', 'mean'])
@pytest.mark.parametrize('pattern', PATTERNS)
@pytest.mark.parametrize('network', NETWORKS)
def test_each_module_runs_once(network, pattern, predict):
    model = build_pair(network, pattern, test_cfg=dict(predict=predict))
    calls = calls_of(model, make_batch()[0])
    # But for activations and dropout, which a network uses in several places.
    shared = ('relu', 'activate', 'dropout')
    own = {n: c for n, c in calls.items() if not n.endswith(shared)}
    assert set(own.values()) == {1}


def test_demand():
    plan = build_pair(connections='same').plan
    ref = SiteRef('top', 'decode_head.decoder')
    assert plan.demand(['top']).reads == {}
    assert plan.demand(['top']).last == {}
    assert plan.demand(['bottom']).last == {'top': 'decode_head.decoder'}
    assert plan.demand(['bottom']).reads[ref] == 1
    assert plan.demand(['top', 'bottom']).last == {}
    plan = build_pair(connections='multi').plan
    assert plan.demand(['bottom']).sends == {0: 6}


def test_cross_connections_run_in_step():
    model = build_pair(
        connections=[
            dict(source='top.backbone.layer1', target='bottom.backbone.layer2'),
            dict(source='bottom.backbone.layer2', target='top.backbone.layer3'),
            dict(source='top.backbone.layer3', target='bottom.backbone.layer4'),
        ],
        test_cfg=dict(predict='mean'),
    )
    inputs, samples = make_batch()
    assert set(calls_of(model, inputs).values()) >= {1}
    total_loss(model.train().loss(inputs, samples)).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_three_networks_form_a_chain():
    model = build_pair(connections='same', num_networks=3)
    assert list(model.networks) == ['net1', 'net2', 'net3']
    assert model.predict_with == 'net3'
    inputs, samples = make_batch()
    assert 'net2.decode.loss_ce' in model.train().loss(inputs, samples)
    assert str(model.plan.connections[-1]) == (
        'net2.decode_head.decoder -> net3.decode_head.decoder'
    )


class _Spy(nn.Module):
    """Passes on its own feature map, and remembers the ones it has seen."""

    def __init__(self, seen: list):
        super().__init__()
        self.seen = seen

    def forward(self, own, arriving):
        gc.collect()
        alive = sum(ref() is not None for ref in self.seen)
        self.seen.append(weakref.ref(arriving))
        self.alive = alive
        return own


@pytest.mark.parametrize('predict', ['bottom', 'mean'])
def test_features_are_freed_after_their_last_reader(predict):
    model = build_pair(connections='same', test_cfg=dict(predict=predict)).eval()
    seen = []
    for name in model.connectors:
        model.connectors[name] = _Spy(seen)
    with torch.no_grad():
        model(make_batch()[0])
    assert len(seen) == 6
    alive = [spy.alive for spy in model.connectors.values()]
    # layer1 and layer4 are kept by top itself: they are inputs of its head. The
    # others are gone when the next connector runs, but for the one just passed.
    assert max(alive) <= 5
    assert alive[1] <= 1
    gc.collect()
    assert not any(ref() is not None for ref in seen)


class InPlaceBackbone(nn.Module):
    """A backbone that changes its first output in place afterwards."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return [self.conv1(x)]


class InPlaceNeck(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, xs):
        return [self.conv(self.relu(xs[0]))]


def in_place_pair(fusion: str):
    return build_pair(
        backbone=dict(type=InPlaceBackbone),
        neck=dict(type=InPlaceNeck),
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
        connections=dict(
            pattern='same',
            connector=dict(fusion=fusion, start='random', act_cfg=dict(type='ReLU')),
        ),
    )


@pytest.mark.parametrize('fusion', ['concat', 'sum', 'gate'])
def test_no_feature_is_changed_behind_its_readers_back(fusion):
    """Top changes its feature map in place before bottom reads it."""
    model = in_place_pair(fusion).train()
    site = model.plan.sites['backbone.0']
    assert site.overwritten
    assert not model.plan.sites['neck.0'].overwritten

    arrived = []
    connector = model.connectors['bottom_backbone_0']
    connector.register_forward_hook(lambda _, args, __: arrived.append(args[1]))
    inputs, samples = make_batch()
    # Top is run to its end before bottom starts.
    run = model.plan.run(
        model.networks, model.connectors, model.aggregations, inputs, ['top', 'bottom']
    )
    assert set(run) == {'top', 'bottom'}
    assert torch.equal(arrived[0], model.networks.top.backbone(inputs)[0])
    assert (arrived[0] < 0).any()
    total_loss(model.loss(inputs, samples)).backward()


def test_plain_networks_are_not_copied():
    for name in NETWORKS:
        sites = build_pair(name).plan.sites.values()
        assert not any(site.overwritten for site in sites)


def test_plan_reads_as_text():
    model = build_pair(connections=dict(pattern='same', sites=STAGES[:2]))
    assert str(model.plan) == (
        'top.backbone.layer1 -> bottom.backbone.layer1\n'
        'top.backbone.layer2 -> bottom.backbone.layer2'
    )
    assert str(build_pair().plan) == 'no connections'


def test_sites_of_a_pattern_may_come_in_any_order():
    model = build_pair(connections=dict(pattern='multi', sites=STAGES[::-1]))
    assert [s.site for s in model.plan.connections[0].sources] == STAGES


def test_single_network_config_becomes_cooperative():
    config = network_config('danet', type='CooperativeEncoderDecoder')
    assert config['backbone'] == BACKBONE
    assert len(MODELS.build(config).networks) == 2
