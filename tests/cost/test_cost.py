"""Costs of tiny models, and their JSON file."""

import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.cost_table import with_costs
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.cost.cost import Cost, load_costs, save_costs
from mmseg_coop.cost.flops import count_flops
from mmseg_coop.cost.measure import (
    build_model,
    hash_of_measured,
    measure_costs,
    training_flops,
)

from helpers.made_up import make_results, save_run
from helpers.tiny import (
    BACKBONE,
    HEADS,
    TWO_STAGES,
    fcn_head,
    make_batch,
    network_config,
)

SIZE = (32, 32)


def config(**model) -> Config:
    preprocessor = dict(type='SegDataPreProcessor', size=SIZE)
    network = network_config(
        'deeplabv3plus',
        backbone=dict(BACKBONE, **TWO_STAGES),
        decode_head=dict(HEADS['deeplabv3plus'], in_channels=16, in_index=1),
        auxiliary_head=fcn_head(8, 0),
        data_preprocessor=preprocessor,
        **model,
    )
    pipeline = [dict(type='PackSegInputs')]
    dataset = dict(type='ToyStreets', split='val', num_images=1, pipeline=pipeline)
    return Config(dict(model=network, test_dataloader=dict(dataset=dataset)))


PAIR = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='same'))


def test_side_by_side(starts_fast):
    configs = dict(
        single=config(),
        pair=config(**PAIR),
        top=config(**PAIR),
        ensemble=config(type='CooperativeEncoderDecoder'),
    )
    configs['top'].model.test_cfg = dict(mode='whole', predict='top')
    costs = measure_costs(configs, rounds=1)
    single, ensemble = costs['single'], costs['ensemble']
    assert ensemble.parameters == 2 * single.parameters
    assert ensemble.prediction_flops == 2 * single.prediction_flops
    assert ensemble.training_flops == 2 * single.training_flops
    assert costs['pair'].parameters > ensemble.parameters
    assert costs['pair'].training_flops > ensemble.training_flops
    # Nothing of bottom is run.
    assert costs['top'].prediction_flops == single.prediction_flops
    for cost in costs.values():
        low, high = cost.latency_spread
        assert 0 < low <= cost.latency <= high
        assert cost.memory is None or cost.memory >= 0


@pytest.mark.skipif(sys.platform != 'linux', reason='reads files of Linux')
def test_memory_is_that_of_predicting_an_image(starts_fast):
    """Of the image alone it is that of its pixels in float32."""
    configs = dict(small=config(), large=config())
    pipeline = configs['large'].test_dataloader.dataset.pipeline
    pipeline.insert(0, dict(type='Resize', scale=(1024, 1024)))
    costs = measure_costs(configs, rounds=1)
    assert costs['large'].memory - costs['small'].memory > 4 * 3


EDGES = dict(
    PAIR,
    networks=dict(
        edges=dict(backbone=dict(in_channels=1), inputs=[3]), rgb=dict(inputs=[0, 1, 2])
    ),
)


@pytest.mark.parametrize(
    ('model', 'channels'), [({}, 3), (PAIR, 3), (EDGES, 4)], ids=['one', 'two', 'edges']
)
def test_a_training_step_is_counted_as_it_runs(model, channels):
    """A batch of two, with MMSegmentation's own losses."""
    made = config(**model)
    model = build_model(made).train()
    _, samples = make_batch(2, SIZE)
    inputs = torch.randn(2, channels, *SIZE)
    counted = count_flops(
        lambda: model.parse_losses(model.loss(inputs, samples))[0].backward()
    )
    item = dict(inputs=torch.empty(channels, *SIZE))
    assert training_flops(made, item) == counted // 2


@pytest.mark.parametrize('groups', [1, 2, 8])
@pytest.mark.parametrize('kind', [nn.Conv2d, nn.ConvTranspose2d])
def test_the_backward_of_a_convolution_is_twice_its_forward(kind, groups):
    conv = kind(8, 16, 3, stride=2, groups=groups)
    image = torch.randn(2, 8, 9, 7, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        output = conv(image)
    forward = counter.get_total_flops()
    assert count_flops(lambda: conv(image)) == forward > 0
    assert count_flops(output.sum().backward) == 2 * forward
    if groups == 1:
        with FlopCounterMode(display=False) as counter:
            conv(image).sum().backward()
        assert counter.get_total_flops() == 3 * forward
    # Images get no gradient.
    assert count_flops(conv(image.detach()).sum().backward) == forward


def test_a_head_whose_step_can_not_be_followed():
    class Reading(type(MODELS.build(network_config('deeplabv3plus')).decode_head)):
        def forward(self, inputs):
            return super().forward(inputs) * float(inputs[0].mean())

    MODELS.register_module('ReadingHead', module=Reading, force=True)
    made = config()
    made.model.decode_head.type = 'ReadingHead'
    assert training_flops(made, dict(inputs=torch.empty(3, *SIZE))) is None


def test_training_costs_the_same_with_augmentation_at_test_time():
    image, made = torch.empty(3, *SIZE), config()
    expected = training_flops(made, dict(inputs=image))
    made.model = dict(type='SegTTAModel', module=made.model)
    assert training_flops(made, dict(inputs=[image, image])) == expected > 0


def test_a_file_of_costs(tmp_path):
    path = tmp_path / 'out' / 'cost.json'
    costs = dict(a=Cost(5, None, 7, 0.5, [0.4, 0.6], 1.5))
    save_costs(costs, 'here', path)
    assert load_costs(path) == costs
    for text in ('[]', '{"machine": 1}', 'no JSON', '{"methods": [1]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r'cost\.json: expected what .* delete it'):
            load_costs(path)


def test_costs_of_another_model_are_measured_again(tmp_path, starts_fast):
    run = save_run(tmp_path / 'run', make_results(0.8))
    config().dump(run / 'danet_r18_single_camvid.py')
    comparison = compare(load_runs([str(run)]))
    (label,) = (method.label for method in comparison.methods)
    path = tmp_path / 'cost.json'
    parameters = []
    for model in ('other', None):
        save_costs({label: Cost(5, None, 7, 0.5, [0.4, 0.6], 1.5, model)}, '', path)
        parameters.append(with_costs(comparison, path).costs[label].parameters)
        # What was measured is kept.
        before = path.read_text()
        with_costs(comparison, path)
        assert path.read_text() == before
    # Earlier files don't tell of which model they are.
    assert parameters[0] > 1000 and parameters[1] == 5


def test_initial_checkpoints_may_be_gone():
    """Such as those of an ensemble of separately trained networks."""
    gone = [
        dict(networks_init=['gone.pth', 'gone.pth']),
        dict(networks=dict(top=dict(init='gone.pth'), bottom=dict())),
        dict(networks=[dict(name='a', init='gone.pth'), None]),
    ]
    for keys in gone:
        made = config(type='CooperativeEncoderDecoder', **keys)
        assert len(build_model(made).networks) == 2
        # Only the built copy has none.
        assert 'gone.pth' in made.pretty_text


def test_costs_of_other_images_are_measured_again():
    configs = [
        Config(dict(model=dict(type='a'), test_dataloader=dict(dataset=dict(size=n))))
        for n in (1, 1, 2)
    ]
    one, same, other = map(hash_of_measured, configs)
    assert one == same != other
