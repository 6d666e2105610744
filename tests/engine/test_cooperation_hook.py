import json

import pytest
from mmengine.config import ConfigDict
from mmengine.visualization import Visualizer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmseg_coop.engine import CooperationHook

from helpers.tiny_runner import make_runner

HOOK = dict(type='CooperationHook', interval=2, num_images=2)
SITE = 'bottom.backbone.layer1'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Work dir of a training run with TensorBoard."""
    folder = tmp_path_factory.mktemp('tensorboard')
    backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    runner = make_runner(
        folder,
        hooks=[HOOK],
        log_level='INFO',
        visualizer=ConfigDict(type='SegLocalVisualizer', vis_backends=backends),
    )
    runner.train()
    assert isinstance(runner.visualizer, Visualizer)
    return folder


def records(folder):
    file = next(folder.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_tensorboard_gets_the_scalars(trained):
    events = EventAccumulator(str(next(trained.glob('*/vis_data'))))
    events.Reload()
    tags = events.Tags()['scalars']
    strength = events.Scalars(f'cooperation/strength/{SITE}')
    assert [event.step for event in strength] == [2, 4]
    # It starts on the identity, and learns to use what arrives.
    assert all(event.value > 0 for event in strength)
    similarity = 'cooperation/similarity/top-bottom/backbone.layer1'
    assert all(0 <= event.value <= 1 for event in events.Scalars(similarity))
    assert len([tag for tag in tags if tag.startswith('cooperation/strength')]) == 6


def test_the_file_gets_the_scalars(trained):
    found = [r for r in records(trained) if f'cooperation/strength/{SITE}' in r]
    assert [record['step'] for record in found] == [2, 4]


def test_the_log_gets_a_table(trained):
    log = next(trained.glob('*/*.log')).read_text()
    assert 'Cooperation at iteration 4:' in log and 'similarity (top-bottom)' in log


def test_losses_of_each_network_add_up(tmp_path):
    runner = make_runner(tmp_path, hooks=[HOOK])
    runner.train()
    scalars = runner.message_hub.log_scalars
    parts = [scalars[f'train/{name}.loss'].data[0] for name in ('top', 'bottom')]
    total = scalars['train/loss'].data[0]
    assert parts[0] + parts[1] == pytest.approx(total, rel=1e-5)


def test_training_is_the_same_with_and_without(tmp_path):
    states = []
    for name, hooks in (('with', [HOOK]), ('without', [])):
        runner = make_runner(tmp_path / name, hooks=hooks)
        runner.train()
        states.append(runner.model.state_dict())
    assert all((states[0][key] == states[1][key]).all() for key in states[0])


def test_a_single_network_is_left_alone(tmp_path):
    runner = make_runner(tmp_path, hooks=[HOOK], single=True)
    runner.train()
    assert not any('top.loss' in key for key in runner.message_hub.log_scalars)


def test_errors():
    with pytest.raises(ValueError, match='interval: found 0, expected 1 or more'):
        CooperationHook(interval=0)
