"""Plans run only what is needed, and keep nothing longer than it is read."""

import gc
import weakref
from copy import deepcopy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from helpers.tiny import (
    BACKBONE,
    build_pair,
    build_short_pair,
    fcn_head,
    make_batch,
    network_config,
    total_loss,
)

STAGES = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]
NETWORKS = ['danet', 'deeplabv3plus']
OF_THE_PAPER = ['same', 'multi']


def calls_of(model, inputs) -> dict[str, int]:
    """Count the calls of each module in a prediction."""
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


@pytest.mark.parametrize('pattern', OF_THE_PAPER)
@pytest.mark.parametrize('network', NETWORKS)
def test_bottom_runs_nothing_of_top_behind_its_last_site(network, pattern):
    model = build_pair(network, pattern, test_cfg=dict(predict='bottom'))
    calls = calls_of(model, make_batch()[0])
    last = {
        # MMSegmentation's head calls what follows the PAM before the CAM.
        'danet': ['conv_seg', 'cam_out_conv', 'cam_conv_seg'],
        'deeplabv3plus': ['conv_seg'],
    }[network]
    for name in last:
        assert f'networks.top.decode_head.{name}' not in calls
        assert calls[f'networks.bottom.decode_head.{name}'] == 1
    assert calls['networks.top.backbone.layer4'] == 1
    assert not any('auxiliary_head' in name for name in calls)


@pytest.mark.parametrize('pattern', OF_THE_PAPER)
def test_top_runs_nothing_of_bottom(pattern):
    model = build_pair('danet', pattern, test_cfg=dict(predict='top'))
    calls = calls_of(model, make_batch()[0])
    assert any(name.startswith('networks.top.') for name in calls)
    assert not any(name.startswith(('networks.bottom', 'plan')) for name in calls)


def test_only_the_connected_part_of_top_is_run():
    model = build_pair(
        connections=dict(pattern='same', sites=['backbone.layer2']),
        test_cfg=dict(predict='bottom'),
    )
    calls = calls_of(model, make_batch()[0])
    assert 'networks.top.backbone.layer2.1' in calls
    assert 'networks.top.backbone.layer3' not in calls


@pytest.mark.parametrize(
    ('network', 'pattern', 'predict'),
    [
        ('danet', 'same', 'bottom'),
        ('danet', 'multi', 'mean'),
        ('deeplabv3plus', 'same', 'mean'),
        ('deeplabv3plus', 'multi', 'bottom'),
    ],
)
def test_each_module_runs_once(network, pattern, predict):
    model = build_pair(network, pattern, test_cfg=dict(predict=predict))
    calls = calls_of(model, make_batch()[0])
    # But for activations and dropout, which a network uses in several places.
    shared = ('relu', 'activate', 'dropout')
    own = {n: c for n, c in calls.items() if not n.endswith(shared)}
    assert set(own.values()) == {1}


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
    for name in model.plan.connectors:
        model.plan.connectors[name] = _Spy(seen)
    with torch.no_grad():
        model(make_batch()[0])
    assert len(seen) == 6
    alive = [spy.alive for spy in model.plan.connectors.values()]
    # One is given up after the other, but for those that bottom's head or the Python
    # frame of the connector still holds.
    assert max(alive) <= 2
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


def in_place_pair(connector: str):
    return build_pair(
        backbone=dict(type=InPlaceBackbone),
        neck=dict(type=InPlaceNeck),
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
        connections=dict(
            pattern='same',
            connector=dict(type=connector, start='random', act_cfg=dict(type='ReLU')),
        ),
    )


@pytest.mark.parametrize(
    'connector', ['CoopConnector', 'SumConnector', 'GateConnector']
)
def test_no_feature_is_changed_behind_its_readers_back(connector):
    """Top changes its feature map in place before bottom reads it."""
    model = in_place_pair(connector).train()
    sites = model.plan.sites['top']
    assert sites['backbone.conv1'].overwritten
    assert not sites['neck:0'].overwritten

    arrived = []
    connector = model.plan.connectors['BOTTOM_BACKBONE_CONV1']
    connector.register_forward_hook(lambda _, args, __: arrived.append(args[1]))
    inputs, samples = make_batch()
    total_loss(model.loss(inputs, samples)).backward()
    assert torch.equal(arrived[0], model.networks.top.backbone(inputs)[0])
    assert (arrived[0] < 0).any()


def test_plain_networks_are_not_copied():
    for name in NETWORKS:
        sites = build_pair(name, 'same').plan.sites['top'].values()
        assert not any(site.overwritten for site in sites)


def test_plan_reads_as_text():
    model = build_pair(connections=dict(pattern='same', sites=STAGES[:2]))
    assert str(model.plan) == (
        'top.backbone.layer1 -> bottom.backbone.layer1 (deep)\n'
        'top.backbone.layer2 -> bottom.backbone.layer2 (deep)'
    )
    assert str(build_pair().plan) == 'no connections'


def test_sites_of_a_pattern_may_come_in_any_order():
    model = build_pair(connections=dict(pattern='multi', sites=STAGES[::-1]))
    assert [s.site for s in model.plan.connections[0].sources] == STAGES


def test_listed_sites_are_paired_in_their_order():
    layers = ['backbone.layer1', 'backbone.layer2']
    sites = dict(top=layers, bottom=layers[::-1])
    model = build_pair(connections=dict(pattern='same', sites=sites))
    assert str(model.plan) == (
        'top.backbone.layer1 -> bottom.backbone.layer2 (deep)\n'
        'top.backbone.layer2 -> bottom.backbone.layer1 (deep)'
    )


def test_single_network_config_becomes_cooperative():
    config = network_config('danet', type='CooperativeEncoderDecoder')
    assert config['backbone'] == BACKBONE
    assert len(MODELS.build(config).networks) == 2


def sources_of(plan) -> dict[str, list[str]]:
    return {
        str(target): list(map(str, connection.sources))
        for connection in plan.connections
        for target in connection.targets
    }


def test_adjacent_and_dense_send_later_sites():
    stages = dict(sites='backbone')
    adjacent = build_pair(connections=dict(pattern='adjacent', **stages)).plan
    dense = build_pair(connections=dict(pattern='dense', **stages)).plan
    for i in (1, 2, 3):
        later = [f'top.backbone.layer{k}' for k in range(i + 1, 5)]
        target = f'bottom.backbone.layer{i}'
        assert sources_of(adjacent)[target] == later[:1]
        assert sources_of(dense)[target] == later
    assert 'bottom.backbone.layer4' not in sources_of(dense)


def test_star_and_cross():
    stages = dict(sites=['backbone.layer3'])
    star = build_pair(connections=dict(pattern='star', **stages), num_networks=3)
    assert sources_of(star.plan) == {
        'net3.backbone.layer3': ['net1.backbone.layer3', 'net2.backbone.layer3']
    }
    cross = build_pair(connections=dict(pattern='cross', **stages)).plan
    assert sources_of(cross) == {
        'top.backbone.layer3': ['bottom.backbone.layer3'],
        'bottom.backbone.layer3': ['top.backbone.layer3'],
    }
    assert cross.crossing and not star.plan.crossing


def test_dropout_leaves_a_network_alone():
    inputs, _ = make_batch(4)
    options = dict(connector=dict(start='random'), dropout=0.5)
    model = build_pair(connections=dict(pattern='same', **options)).eval()
    with torch.no_grad():
        alone = model.networks.bottom(inputs)
        together = model(inputs)
        model.plan.train()
        torch.manual_seed(2)
        found = model(inputs)
    kept = [torch.allclose(x, y) for x, y in zip(found, together, strict=True)]
    dropped = [torch.allclose(x, y) for x, y in zip(found, alone, strict=True)]
    # One draw decides for all connections that an image's network receives.
    assert any(kept) and any(dropped)
    assert all(a != b for a, b in zip(kept, dropped, strict=True))


def test_dropout_leaves_every_parameter_its_gradient():
    model = build_pair(connections=dict(pattern='multi', dropout=0.9)).train()
    total_loss(model.loss(*make_batch())).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('dropout', [0.0, 0.5])
def test_switched_off(dropout):
    options = dict(connector=dict(start='random'), dropout=dropout)
    model = build_pair(connections=dict(pattern='same', **options)).eval()
    targets = list(map(str, model.plan.incoming))
    inputs, _ = make_batch()
    with torch.no_grad():
        together = model(inputs)
        with model.plan.without(targets):
            off = model(inputs)
        assert torch.equal(model(inputs), together)
        alone = model.networks.bottom(inputs)
    assert not torch.equal(off, together)
    assert torch.equal(off, alone)
    with (
        pytest.raises(KeyError, match='bottom.x'),
        model.plan.without(['bottom.x']),
    ):
        pass


def test_what_is_switched_off_computes_nothing():
    model = build_pair('danet', 'multi', test_cfg=dict(predict='bottom'))
    inputs, _ = make_batch()
    before = calls_of(model, inputs)
    first, *others = map(str, model.plan.incoming)
    with model.plan.without([first]):
        some = calls_of(model, inputs)
    off = before.keys() - some.keys()
    name = model.plan.connections[0].modules[0]
    assert name in off and all(path.startswith(name) for path in off)
    with model.plan.without([first]), model.plan.without(others):
        alone = calls_of(model, inputs)
    assert not any(path.startswith(('plan.', 'networks.top')) for path in alone)
    assert calls_of(model, inputs) == before


def test_a_run_within_a_run_is_refused():
    model = build_pair(connections='same').eval()
    inputs, _ = make_batch()
    backbone = model.networks.top.backbone
    handle = backbone.register_forward_hook(lambda *_: model(inputs))
    with pytest.raises(RuntimeError, match='was run while it is running'):
        model(inputs)
    handle.remove()
    # What a run has recorded is gone with it.
    assert model(inputs).shape[1] == 5


def test_a_copy_that_is_made_in_a_run_is_not_in_it():
    model = build_pair(connections='same').eval()
    inputs, _ = make_batch()
    copies = []
    model.networks.top.backbone.layer2.register_forward_hook(
        lambda *_: copies.append(deepcopy(model))
    )
    expected = model(inputs)
    assert torch.equal(copies[0](inputs), expected)


class Halving(nn.Conv2d):
    """A connector that returns half of the channels."""

    def __init__(self, channels, source_channels, align_corners):
        super().__init__(source_channels, channels // 2, 1)

    def forward(self, own, arriving):
        return super().forward(arriving)


def test_a_connector_that_returns_another_shape_is_named():
    connector = dict(type=Halving)
    model = build_pair(connections=dict(pattern='same', connector=connector)).eval()
    message = (
        r"connections.connector: Halving returned .* for 'top.backbone.layer1 -> "
        r"bottom.backbone.layer1', expected the shape .* \(2, 8, 16, 16\)"
    )
    with pytest.raises(ValueError, match=message):
        model(make_batch()[0])


@pytest.mark.parametrize(
    ('connections', 'predicting'),
    [
        (None, 'mean'),
        ('same', 'bottom'),
        ('cross', 'bottom'),
        (dict(pattern='same', among=['bottom', 'top']), 'top'),
        (
            [dict(source='bottom.backbone.layer1', target='top.backbone.layer1')],
            'top',
        ),
    ],
)
def test_what_receives_predicts(connections, predicting):
    assert build_pair(connections=connections).predict_with == predicting


def test_a_frozen_network_predicts_only_if_asked():
    model = build_pair(
        connections=dict(pattern='same', among=['a', 'f']),
        networks=dict(a={}, f=dict(frozen=True), z={}),
        cooperation_losses=[dict(type='DistillLoss', student='z')],
    )
    assert model.predict_with == 'z'


def test_the_last_of_networks_that_read_each_other_predicts():
    sites = [f'{name}.backbone.layer1' for name in ('net1', 'net2')]
    model = build_pair(
        connections=[
            dict(source=source, target=target, read='own')
            for source, target in (sites, sites[::-1])
        ],
        num_networks=3,
    )
    assert model.predict_with == 'net2'


def test_a_site_that_is_not_reached_is_named():
    model = build_pair(connections='same').eval()
    backbone = model.networks.bottom.backbone
    # As a conversion of norms does.
    backbone.layer3 = nn.Sequential(*backbone.layer3)
    with pytest.raises(ValueError, match=r'site bottom.backbone.layer3 was not reach'):
        model(make_batch()[0])


def test_a_site_that_is_reached_twice_is_named():
    model = build_pair(connections='same').eval()
    backbone = model.networks.top.backbone

    def again(*_) -> None:
        backbone.layer2(torch.zeros(1, 8, 4, 4))

    backbone.layer4.register_forward_hook(again)
    with pytest.raises(ValueError, match=r'site top.backbone.layer2 was reached twice'):
        model(make_batch()[0])


def test_the_order_of_networks_is_that_of_the_config():
    """Not that of a set, which differs between processes."""
    among = ['net4', 'net2', 'net5', 'net3', 'net1']
    connections = dict(pattern='star', among=among, sites=['backbone.layer2'])
    model = build_short_pair(connections=connections, num_networks=5)
    order = []
    for name, network in model.networks.items():
        network.backbone.register_forward_pre_hook(
            lambda *_, name=name: order.append(name)
        )
    model.loss(*make_batch())
    assert order == among
