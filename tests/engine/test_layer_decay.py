"""Layer-wise rates of pairs, beside MMSegmentation's of the single network."""

import pytest
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS

from helpers.tiny import build_pair, fcn_head, network_config

HOST = 'LearningRateDecayOptimizerConstructor'
OURS = f'Coop{HOST}'
BACKBONES = {
    'ConvNeXt': dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 1, 4, 1], channels=[4, 8, 8, 16]),
        out_indices=[0, 1, 2, 3],
        gap_before_final_norm=False,
    ),
    'BEiT': dict(
        type='BEiT',
        img_size=(512, 512),
        patch_size=128,
        embed_dims=16,
        num_layers=4,
        num_heads=2,
        out_indices=(0, 1, 2, 3),
        qv_bias=True,
        init_values=0.1,
    ),
}
HEADS = {name: fcn_head(16, 3) for name in BACKBONES}


def rates(model, constructor, **paramwise):
    """Rate and weight decay of each parameter."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor=constructor,
            optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.05),
            paramwise_cfg=paramwise,
        ),
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }


def config(backbone, **changes):
    return network_config(
        'danet',
        backbone=BACKBONES[backbone],
        decode_head=HEADS[backbone],
        auxiliary_head=None,
        **changes,
    )


@pytest.mark.parametrize(
    ('backbone', 'options'),
    [
        ('ConvNeXt', dict(decay_type='layer_wise')),
        ('ConvNeXt', dict(decay_type='stage_wise')),
        ('BEiT', dict(decay_type='layer_wise')),
    ],
)
def test_each_network_has_the_rates_of_the_single_one(backbone, options):
    options = dict(options, num_layers=4, decay_rate=0.5)
    single = MODELS.build(config(backbone))
    expected = rates(single, HOST, **options)
    assert rates(single, OURS, **options) == expected
    pair = MODELS.build(
        config(
            backbone,
            type='CooperativeEncoderDecoder',
            connections=dict(pattern='same'),
        )
    )
    found = rates(pair, OURS, **options)
    assert found.keys() == dict(pair.named_parameters()).keys()
    assert len({rate for rate, _ in expected.values()}) > 2
    for name, value in expected.items():
        assert found[f'networks.top.{name}'] == value
        assert found[f'networks.bottom.{name}'] == value
    connectors = {
        name: value for name, value in found.items() if not name.startswith('networks')
    }
    assert connectors
    for name, (rate, decay) in connectors.items():
        assert rate == expected['decode_head.conv_seg.weight'][0] == 0.1
        assert decay == (0.05 if pair.get_parameter(name).ndim > 1 else 0)


def test_layers_that_nobody_knows():
    with pytest.raises(
        ValueError, match='layers of networks.top.backbone, a ResNetV1c'
    ):
        rates(build_pair(), OURS, num_layers=4, decay_rate=0.5)
