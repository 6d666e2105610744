"""Networks that differ, for tests: a SegFormer beside ``tiny``'s ResNets."""

import copy

from mmseg.registry import MODELS

from helpers.tiny import NUM_CLASSES, build_pair, network_config

SEGFORMER = dict(
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        drop_path_rate=0.0,
    ),
    decode_head=dict(
        type='SegformerHead',
        in_channels=[8, 8, 16, 16],
        in_index=[0, 1, 2, 3],
        channels=16,
        dropout_ratio=0.0,
        num_classes=NUM_CLASSES,
        norm_cfg=dict(type='BN'),
    ),
    auxiliary_head=None,
)
MIXED = dict(top=dict(), bottom=SEGFORMER)
# Of images of make_batch().
METAS = [dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64))]


def on_backbones(pattern: str, **options) -> dict:
    """Connections of a pattern at sites of the backbones."""
    return dict(pattern=pattern, sites='backbone', **options)


def without_dropout(config: dict) -> dict:
    """A config whose heads draw nothing at random."""
    for head in ('decode_head', 'auxiliary_head'):
        if config.get(head):
            config[head]['dropout_ratio'] = 0.0
    return config


def build_mixed(connections=None, networks=MIXED, **changes):
    """A tiny DANet, ``top``, beside a tiny SegFormer, ``bottom``."""
    parts = without_dropout(network_config('danet'))
    parts = {k: parts[k] for k in ('decode_head', 'auxiliary_head')}
    options = {**parts, **changes, 'networks': copy.deepcopy(networks)}
    return build_pair('danet', connections, **options)


def build_single(name: str, weights: dict):
    """MMSegmentation's own ``top`` or ``bottom`` with these weights."""
    own = copy.deepcopy(MIXED[name])
    network = MODELS.build(without_dropout(network_config('danet', **own)))
    network.load_state_dict(weights)
    return network
