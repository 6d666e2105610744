"""Records of training runs in checkpoints and model cards."""

import sys

import pytest
import torch

from mmseg_coop.checkpoints.training_record import (
    record_training,
    training_runs_of,
    versions,
)
from mmseg_coop.deployment.model_card import model_card

from helpers.tiny import build_pair


def card(*training_runs):
    labels = dict(name='a', id2label={'0': 'b'}, tested=None)
    return model_card(build_pair('danet'), labels, 'not tested', training_runs)


@pytest.mark.parametrize(
    ('arguments', 'command'),
    [
        (['tools/train.py', 'a/b.py', '--amp'], 'tools/train.py a/b.py --amp'),
        (['/home/me/tools/train.py', '/home/me/b.py'], 'train.py b.py'),
        (['train.py', 'root=/home/me/data/'], 'train.py root=data/'),
        (
            ['train.py', "model.networks_init=['/home/me/a.pth',None]"],
            """train.py 'model.networks_init=['"'"'a.pth'"'"',None]'""",
        ),
        (['train.py', 'load_from=https://a.org/b/c.pth'],) * 2,
    ],
)
def test_commands_have_no_folders_of_the_machine(arguments, command, monkeypatch):
    monkeypatch.setattr(sys, 'argv', arguments)
    command = command if isinstance(command, str) else ' '.join(command)
    assert record_training()['command'] == f'python {command}'


def test_a_run_that_has_recorded_all():
    used = dict(versions(), torch='1.2.3')
    meta = dict(
        experiment_name='pair_20260102_030405',
        seed=0,
        iter=40,
        epoch=0,
        mmengine_version='0.0.1',
        training=dict(command='python train.py', processes=2, versions=used),
    )
    text = card(*training_runs_of(meta))
    for part in ('python train.py', 'config pair;', 'seed 0', 'iter 40', '2 processes'):
        assert part in text
    assert 'torch 1.2.3' in text and 'recorded' not in text and 'epoch' not in text
    assert f'torch {torch.__version__}' in text.partition('Published with')[2]


def test_what_was_not_recorded_is_said():
    text = card(*training_runs_of(dict(mmengine_version='0.0.1')))
    assert 'no command recorded; no seed recorded; trained with mmengine 0.0.1.' in text
    assert 'has no record of its training' in card(*training_runs_of({}))


def test_networks_that_were_joined_keep_their_own():
    both = [dict(network=name, seed=i) for i, name in enumerate(['top', 'bottom'])]
    meta = dict(training_runs=both)
    assert training_runs_of(meta) == both
    assert training_runs_of(meta, 'bottom') == [dict(seed=1)]
    assert card(*both).index('### top') < card(*both).index('seed 1')
