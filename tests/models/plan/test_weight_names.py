"""Names of connectors' weights: nothing of a network, and older ones load."""

import copy
import functools

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import build_optim_wrapper
from mmengine.runner import load_state_dict
from mmseg.registry import MODELS

from mmseg_coop.checkpoints.safetensors import save_safetensors
from mmseg_coop.models.checkpoint_weights import check_state_dict, load_weights
from mmseg_coop.models.plan import Plan, SiteRef, read_connections

from helpers.families import FAMILIES
from helpers.tiny import network_config

# What the names had in the place of a network's parts, one after the other.
SUBSTITUTES = {
    'backbone': 'encoder',
    'neck': 'pyramid',
    'decode_head': 'decoder',
    'auxiliary_head': 'auxiliary',
}
NETWORKS = {
    'danet': network_config('danet'),
    'deeplabv3plus': network_config('deeplabv3plus'),
    'unet': FAMILIES['unet'],
}


def build(name: str, connections, **changes):
    """A pair of networks."""
    config = copy.deepcopy(NETWORKS[name])
    cooperative = dict(type='CooperativeEncoderDecoder', connections=connections)
    return MODELS.build({**config, **cooperative, **changes})


@functools.cache
def connector_parts() -> set[str]:
    """Names of what connectors and aggregations consist of, but for norms."""
    types = dict(CoopConnector=dict(width=4), SumConnector={}, GateConnector={})
    modules = [
        build(
            'danet',
            dict(pattern='multi', connector=dict(type=name, **keys)),
        ).plan
        for name, keys in types.items()
    ]
    parts = {
        path.split('.')[2]
        for module in modules
        for path, _ in module.named_parameters()
    }
    assert {'arriving', 'own', 'expand', 'own_gate'} <= parts
    return parts


@pytest.mark.parametrize('name', FAMILIES)
def test_no_name_of_a_network_matches_a_connector(name):
    """MMEngine's custom_keys match parts of parameter names."""
    network = MODELS.build(copy.deepcopy(FAMILIES[name]))
    paths = [path for path, _ in network.named_modules() if path]
    keys = {key for path in paths for key in (path, *path.split('.'))}
    keys = {key for key in keys if not key.isdecimal()}
    assert {'backbone', 'decode_head'} <= keys
    sites = [f'{path}{place}' for path in paths for place in ('', ':in', ':1')]
    names = [SiteRef('bottom', site).identifier for site in sites]
    assert len(set(names)) == len(names)
    text, parts = ' '.join(names), ' '.join(connector_parts())
    assert not [key for key in keys if key in text]
    # A letter is in any name.
    assert not [key for key in keys if len(key) > 1 and key in parts]


def test_names_of_similar_paths_differ():
    paths = ['a.b_c', 'a_b.c', 'a_b_c', 'a.b.c', 'a._b.c', 'a_.b.c', 'A.b_c', 'a.b:1']
    paths += ['a.b.1', 'a.b:in', 'a.b.in', 'a.b_in']
    names = {SiteRef('bottom', path).identifier for path in paths}
    assert len(names) == len(paths) and not any('.' in name for name in names)


def test_two_connectors_of_one_name_are_refused():
    site = build('danet', dict(pattern='same')).plan.sites['top']['backbone.layer1']
    sites = {'a': {'a': site}, 'b': {'x.a': site}, 'b_x': {'a': site}}
    listed = [dict(source='a.a', target=target) for target in ('b.x.a', 'b_x.a')]
    with pytest.raises(ValueError, match='^connections.1.: b.x.a and b_x.a would'):
        Plan(read_connections(listed, sites), sites)


@pytest.mark.parametrize('name', NETWORKS)
def test_custom_keys_for_parts_of_networks_leave_connectors_alone(name):
    model = build(name, dict(pattern='multi'))
    parts = {path for path, _ in model.networks.top.named_children()}
    parts |= {path for path, _ in model.networks.top.backbone.named_children()}
    parts |= {path for path, _ in model.networks.top.decode_head.named_children()}
    keys = {part: dict(lr_mult=0) for part in parts}
    keys |= {key: dict(lr_mult=10) for key in ('connectors', 'aggregations')}
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='mmengine.OptimWrapper',
            optimizer=dict(type='SGD', lr=0.1),
            paramwise_cfg=dict(custom_keys=keys),
        ),
    )
    groups = wrapper.optimizer.param_groups
    rates = {id(p): group['lr'] for group in groups for p in group['params']}
    assert all(rates[id(p)] == 1 for p in model.plan.parameters())
    assert all(rates[id(p)] == 0 for p in model.networks.parameters())


def older_names(model, style: str) -> dict[str, torch.Tensor]:
    """The weights by the names of an older version."""
    modules = {}
    for connection in model.plan.connections:
        for target in connection.targets:
            path = str(target)
            if style == 'substitutes':
                for part, other in SUBSTITUTES.items():
                    path = path.replace(part, other)
            path = path.replace('.', '_').replace(':', '_')
            modules[f'plan.connectors.{target.identifier}.'] = f'connectors.{path}.'
            if target == connection.targets[0]:
                now = f'plan.aggregations.to_{target.identifier}.'
                modules[now] = f'aggregations.to_{path}.'
    found = {}
    for key, value in model.state_dict().items():
        for now, before in modules.items():
            if key.startswith(now):
                key = key.replace(now, before)
                if 'aggregations.' in key:
                    key = key.replace('.arriving.', '.projections.')
                key = f'plan.{key}' if style == 'substitutes' else key
        found[key] = value
    assert not any('BACKBONE' in key for key in found)
    return found


EXAMPLES = {
    ('danet', 'plain'): 'connectors.bottom_decode_head_pam.own.weight',
    ('danet', 'substitutes'): 'plan.connectors.bottom_decoder_pam.own.weight',
    ('deeplabv3plus', 'plain'): 'connectors.bottom_backbone_layer1.own.weight',
    (
        'deeplabv3plus',
        'substitutes',
    ): 'plan.connectors.bottom_encoder_layer1.own.weight',
    ('unet', 'plain'): 'connectors.bottom_backbone_encoder_1.own.weight',
    ('unet', 'substitutes'): 'plan.connectors.bottom_encoder_encoder_1.own.weight',
}


@pytest.mark.parametrize(('name', 'style'), EXAMPLES)
def test_older_checkpoints_load(name, style, tmp_path):
    sites = ['backbone.encoder.1', 'backbone.decoder.0'] if name == 'unet' else None
    connections = dict(pattern='multi', **({'sites': sites} if sites else {}))
    model = build(name, connections)
    before = older_names(model, style)
    assert EXAMPLES[name, style] in before
    expected = model.state_dict()

    def check(load):
        other = build(name, connections)
        load(other)
        for key, value in other.state_dict().items():
            assert torch.equal(value, expected[key]), key

    check_state_dict(model, before, 'old.pth')
    path = str(tmp_path / 'old.pth')
    torch.save(dict(state_dict=before), path)
    check(lambda other: other.load_state_dict(dict(before), strict=True))
    check(lambda other: load_state_dict(other, dict(before), strict=True))
    check(lambda other: load_weights(other, path))
    save_safetensors(dict(state_dict=before), tmp_path / 'old.safetensors')
    check(lambda other: load_weights(other, str(tmp_path / 'old.safetensors')))
    averaged = ExponentialMovingAverage(build(name, connections))
    old = {f'module.{key}': value for key, value in before.items()}
    averaged.load_state_dict({**old, 'steps': torch.tensor(3)}, strict=True)
    for key, value in averaged.module.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize('style', ['plain', 'substitutes'])
def test_networks_start_from_an_older_pair_with_its_connections(style, tmp_path):
    model = build('danet', dict(pattern='multi'))
    path = str(tmp_path / 'old.pth')
    torch.save(dict(state_dict=older_names(model, style)), path)
    names = dict(a='top', b='bottom')
    networks = {
        name: dict(init=dict(checkpoint=path, network=other))
        for name, other in names.items()
    }
    other = build('danet', dict(pattern='multi'), networks=networks)
    other.init_weights()
    found = dict(other.plan.named_parameters())
    assert len(found) == len(dict(model.plan.named_parameters()))
    for key, value in model.plan.named_parameters():
        assert torch.equal(found[key.replace('BOTTOM', 'B')], value), key
