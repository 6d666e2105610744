"""A model's ``type`` with its scope, and as a user's class: all tools alike.

The class is that of a config in MMEngine's pure-Python style; a study has it in a
config of text, too. Other tests have plain names.
"""

import json
import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_coop.evaluation import Results

from helpers.run_tool import run_tool

REPO = Path(__file__).parents[2]
BASE = REPO / 'configs' / 'coop' / 'danet_r18_multi_toy.py'
USERS = """
from helpers.users_pair import UsersPair
from mmengine.optim import OptimWrapper
"""
MODEL = f"""
_base_ = '{BASE}'
{{}}
model = dict(
    type={{}},
    backbone=dict(
        stem_channels=8,
        base_channels=8,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(0, 1),
    ),
    decode_head=dict(in_channels=16, in_index=1, channels=16),
    auxiliary_head=dict(in_channels=8, in_index=0, channels=8),
)
optim_wrapper = dict(type={{}})
"""
CONFIGS = {
    'scope': MODEL.format(
        '', "'mmseg.CooperativeEncoderDecoder'", "'mmengine.OptimWrapper'"
    ),
    "user's class": MODEL.format(USERS, 'UsersPair', 'OptimWrapper'),
}
SHORT = [
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.cooperation.interval=2',
    'train_dataloader.dataset.num_images=8',
    'train_dataloader.batch_size=2',
    'val_dataloader.dataset.num_images=2',
    'test_dataloader.dataset.num_images=2',
]


def write_config(name: str, folder: Path) -> Path:
    if name == 'pure':
        for file in (REPO / 'tests' / 'pure_python').glob('*.py'):
            (folder / file.name).write_text(file.read_text())
        return folder / 'pair.py'
    path = folder / 'pair.py'
    path.write_text(CONFIGS[name])
    return path


@pytest.mark.parametrize('name', ['scope', 'pure'])
def test_all_tools(name, tmp_path, monkeypatch, capsys):
    # MMEngine's handlers write to what other tests have captured and closed.
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    config = write_config(name, tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / 'image.png')

    def run(tool, *arguments):
        done = run_tool(tool, tmp_path, arguments, monkeypatch, capsys)
        assert done.returncode == 0, done.stderr
        return done.stdout

    options = ['--work-dir', 'run', '--cfg-options', *SHORT]
    run('train.py', config, *options)
    run('test.py', config, 'run/iter_2.pth', *options)
    results = Results.load(tmp_path / 'run/results/test.npz')
    assert (results.meta['method'], results.meta['network']) == ('multi', 'DANet')
    assert list(results.areas) == ['top', 'bottom', 'mean', 'oracle']
    run('test.py', config, 'run/iter_2.pth', '--tta', *options)
    augmented = Results.load(tmp_path / 'run/results/test_tta.npz')
    assert augmented.meta['method'] == 'multi' and augmented.meta['tta']
    # The images of the test are predicted again, from the config that it has left.
    both = ['run/results/test.npz', 'run/results/test_tta.npz']
    table = run('compare.py', *both, '--report', 'report')
    assert (
        'multi (TTA)' in table
        and '<img' in (tmp_path / 'report/report.html').read_text()
    )
    run('predict.py', config, 'run/iter_2.pth', 'image.png', '--save', 'uncertainty')
    assert (tmp_path / 'predictions/uncertainty/image_entropy.png').is_file()
    run('analyze.py', config, 'run/iter_2.pth', '--graph', '--cfg-options', *SHORT)
    found = json.loads((tmp_path / 'analysis/cooperation.json').read_text())
    assert any('strength' in name for name in found)
    found = run('analyze.py', config, 'run/iter_2.pth', '--knock-out', *options[2:])
    assert 'without bottom.backbone.layer1' in found
    assert 'No faults' in run('check_dataset.py', config, '--cfg-options', *SHORT)
    hand_on(run, config)
    if name == 'pure':
        # Takes long, and builds the model as the others do.
        export(run, config)


def hand_on(run, config):
    """Output of the tools for a trained pair."""
    trained = config, 'run/iter_2.pth'
    split = 'split.py', *trained, '--network'
    assert 'a cooperative model of top, bottom' in run(*split, 'bottom', '--out', 'b')
    assert 'an ordinary model of' in run(*split, 'top', '--out', 'a')
    run('test.py', 'a/pair_top.py', 'a/pair_top.pth', '--cfg-options', SHORT[-1])
    joined = run('join.py', 'a', 'a', '--pattern', 'same', '--out', 'joined')
    assert 'a cooperative model of' in joined
    run('publish.py', *trained, '--out', 'published')
    run('predict.py', 'published', 'image.png', '--save', 'uncertainty')
    run('misc/print_config.py', config, '--graph', '--save-path', 'whole.py')


def export(run, config):
    options = ['--size', 64, 96, '--images', 'image.png', '--uncertainty']
    options += ['--format', 'torch', '--out', 'pair.pt2']
    assert 'disagreement' in run('export.py', config, 'run/iter_2.pth', *options)


def test_study(tmp_path, monkeypatch, capsys, starts_fast):
    # Its runs are processes of their own, which import the user's class from here.
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(sys.path))
    methods = {}
    for name, spelling in dict(text="user's class", pure='pure').items():
        (tmp_path / name).mkdir()
        methods[name] = dict(config=str(write_config(spelling, tmp_path / name)))
    options = dict(option.split('=') for option in SHORT)
    options = {key: int(value) for key, value in options.items()}
    grid = f'seeds = [0]\nsplits = dict(val={{}})\noptions = {options}\n'
    (tmp_path / 'grid.py').write_text(f'{grid}methods = {methods}\n')
    done = run_tool('study.py', tmp_path, ['grid.py'], monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    assert 'multi' in done.stdout
    records = tmp_path / 'work_dirs' / 'grid' / 'records' / 'val'
    for name in methods:
        results = Results.load(records / name / 'seed_0' / 'results' / 'test.npz')
        assert results.meta['method'] == 'multi'
