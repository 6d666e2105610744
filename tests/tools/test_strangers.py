"""A checkpoint that would create a folder, through every tool and api."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.apis import MMSegInferencer, init_model

from mmseg_coop.apis import Predictor

from helpers.harmful import Call, harmful_checkpoint
from helpers.made_up import make_results, save_run
from helpers.run_tool import run_tool

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
PAIR, SINGLE = (CONFIGS / f'danet_r18_{name}_toy.py' for name in ('same', 'single'))
BOTH = 'model.networks_init=[a.pth,a.pth]'
PRETRAINED = ['{}.type=Pretrained', '{}.checkpoint=a.pth']
TOOLS = {
    'train --resume': ('train.py', PAIR, '--resume', '--work-dir', 'work'),
    'train load_from': ('train.py', PAIR, '--cfg-options', 'load_from=a.pth'),
    'train networks_init': ('train.py', PAIR, '--cfg-options', BOTH),
    'train init_cfg': (
        'train.py',
        SINGLE,
        '--cfg-options',
        *(option.format('model.backbone.init_cfg') for option in PRETRAINED),
    ),
    'train pretrained': (
        'train.py',
        SINGLE,
        '--cfg-options',
        'model.pretrained=a.pth',
    ),
    'test': ('test.py', PAIR, 'a.pth'),
    'test --tta': ('test.py', PAIR, 'a.pth', '--tta'),
    'test networks_init': ('test.py', PAIR, '--cfg-options', BOTH),
    'predict': ('predict.py', PAIR, 'a.pth', 'image.png'),
    'analyze': ('analyze.py', PAIR, 'a.pth'),
    'convert': ('convert_checkpoint.py', 'a.pth', 'a.safetensors'),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    checkpoint = harmful_checkpoint(Call(os.mkdir, str(tmp_path / 'harm')))
    torch.save(checkpoint, tmp_path / 'a.pth')
    (tmp_path / 'work').mkdir()
    torch.save(checkpoint, tmp_path / 'work' / 'iter_1.pth')
    (tmp_path / 'work' / 'last_checkpoint').write_text('work/iter_1.pth')
    # Enough to be looked for, and never read.
    (tmp_path / 'image.png').write_bytes(b'')
    return tmp_path


@pytest.mark.parametrize('name', TOOLS)
def test_a_tool_refuses_it(name, folder, monkeypatch, capsys):
    tool, *arguments = TOOLS[name]
    done = run_tool(tool, folder, arguments, monkeypatch, capsys)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    error = done.stderr.splitlines()[0]
    assert error.startswith('error: ') and 'is refused: loading it would run' in error
    assert 'mkdir' in error and '--trust-checkpoint' in error
    assert not (folder / 'harm').exists() and not (folder / 'a.safetensors').exists()


@pytest.mark.parametrize('name', ['test', 'predict', 'analyze', 'convert'])
def test_a_tool_runs_it_on_request(name, folder, monkeypatch, capsys):
    # Set by the tool for itself and its processes.
    monkeypatch.setenv('MMSEG_COOP_TRUST_CHECKPOINT', '0')
    tool, *arguments = TOOLS[name]
    arguments.append('--trust-checkpoint')
    run_tool(tool, folder, arguments, monkeypatch, capsys)
    assert (folder / 'harm').exists()


@pytest.mark.parametrize('api', [Predictor, init_model, MMSegInferencer])
def test_an_api_refuses_it(api, folder):
    with pytest.raises(ValueError, match='is refused: loading it would run .*mkdir'):
        api(str(PAIR), str(folder / 'a.pth'), device='cpu')
    assert not (folder / 'harm').exists()


def test_results_hold_no_code(folder, monkeypatch, capsys):
    save_run(folder / 'run', make_results(0.8))
    harm = np.array([Call(os.mkdir, str(folder / 'harm'))], dtype=object)
    with np.load(folder / 'run' / 'results' / 'test.npz') as file:
        np.savez(folder / 'a.npz', **{**file, 'areas/prediction': harm})
    done = run_tool('compare.py', folder, ['a.npz'], monkeypatch, capsys)
    assert done.returncode == 2
    assert done.stderr.startswith('error: a.npz: no results that CoopIoUMetric wrote')
    assert not (folder / 'harm').exists()
