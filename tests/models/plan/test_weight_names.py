"""Names of connectors' weights have nothing of a network's."""

import copy
import functools

import pytest
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS

from mmseg_coop.models.plan import SiteRef

from helpers.families import FAMILIES
from helpers.tiny import network_config

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
