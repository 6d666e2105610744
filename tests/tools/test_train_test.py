"""tools/train.py and tools/test.py with a user's command lines."""

import json
import runpy
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from mmseg_coop.checkpoints.safe_load import read_checkpoint

from helpers.run_tool import Done, run_tool
from helpers.tiny import SHORT_CONFIG

REPO = Path(__file__).parents[2]
TOOLS = REPO / 'tools'
CONFIGS = REPO / 'configs' / 'coop'
SHORT = [
    'train_cfg.max_iters=4',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=2',
    'train_dataloader.dataset.num_images=16',
    'train_dataloader.batch_size=2',
    'val_dataloader.dataset.num_images=4',
    'test_dataloader.dataset.num_images=4',
]
ONE_STAGE = """
_base_ = './two_stages.py'
head = dict(type='FCNHead', in_channels=16, in_index=0, channels=8, num_classes=8)
model = dict(
    backbone=dict(num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)),
    decode_head=dict(_delete_=True, num_convs=1, **head),
    auxiliary_head=None,
)
"""


def tool(
    name: str, cwd: Path, *args, options=(), python=sys.executable
) -> subprocess.CompletedProcess:
    """Run a tool as a process."""
    command = [python, TOOLS / f'{name}.py', *args, '--cfg-options', *SHORT]
    done = subprocess.run(
        list(map(str, [*command, *options])), cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done


@pytest.fixture
def tool_here(monkeypatch, capsys):
    """Run a tool within this process, which takes less time."""

    def run(name: str, cwd: Path, *args, options=(), code: int = 0) -> Done:
        args = [*args, '--cfg-options', *SHORT, *options]
        done = run_tool(f'{name}.py', cwd, args, monkeypatch, capsys)
        assert done.returncode == code, done.stderr
        return done

    return run


def config(method: str, network: str = 'deeplabv3plus') -> Path:
    return CONFIGS / f'{network}_r18_{method}_toy.py'


@pytest.fixture(scope='module')
def trained(tmp_path_factory, python) -> Path:
    """A folder in which a connected pair and a single network have been trained."""
    folder = tmp_path_factory.mktemp('trained')
    tool('train', folder, config('same'), python=python)
    tool('train', folder, config('single'), python=python)
    return folder


def checkpoint(folder: Path, method: str) -> Path:
    return folder / f'work_dirs/deeplabv3plus_r18_{method}_toy/iter_4.pth'


def miou(done: subprocess.CompletedProcess | Done) -> float:
    return float(done.stdout.split('mIoU: ')[-1].split()[0])


def test_training_leaves_what_mmsegmentation_leaves(trained):
    work_dir = trained / 'work_dirs/deeplabv3plus_r18_same_toy'
    assert (work_dir / 'iter_4.pth').is_file()
    assert list(work_dir.glob('best_mIoU_iter_*.pth'))
    assert (work_dir / 'last_checkpoint').read_text().endswith('iter_4.pth')
    saved = read_checkpoint(str(work_dir / 'iter_4.pth'))
    told = saved['meta']['training']
    assert told['command'].startswith('python train.py deeplabv3plus_r18_same_toy.py')
    assert told['versions']['torch'] == torch.__version__
    assert (work_dir / 'deeplabv3plus_r18_same_toy.py').is_file()
    scalars = next(work_dir.rglob('scalars.json')).read_text()
    assert 'mIoU' in json.loads(scalars.splitlines()[-1])


def test_test_reports_miou_and_classes(trained):
    args = config('same'), checkpoint(trained, 'same')
    done = tool('test', trained, *args, '--out', 'out', '--show-dir', 'shown')
    assert 0 <= miou(done) <= 100
    assert 'sidewalk' in done.stdout
    labels = sorted((trained / 'out').glob('*.png'))
    assert len(labels) == 4
    assert np.array(Image.open(labels[0])).shape == (64, 96)
    assert list(trained.rglob('shown/**/*.png'))
    assert 'Warning' not in done.stderr


SHOWN = [
    (dict(type='OwnHook', interval=4), dict(type='OwnHook', interval=4, draw=True)),
    # A hook that the config leaves out is asked for.
    (None, dict(type='SegVisualizationHook', draw=True)),
]


@pytest.mark.parametrize(('hook', 'expected'), SHOWN)
def test_predictions_are_shown_as_the_config_says(hook, expected):
    show = runpy.run_path(str(TOOLS / 'test.py'))['show_predictions']
    settings = Config(
        dict(default_hooks=dict(visualization=hook), visualizer=dict(type='Own'))
    )
    show(settings, Namespace(show=False, show_dir='out', wait_time=2))
    assert settings.default_hooks.visualization == expected
    assert settings.visualizer == dict(type='Own', save_dir='out')
    show(settings, Namespace(show=True, show_dir=None, wait_time=3))
    expected = dict(expected, show=True, wait_time=3)
    assert settings.default_hooks.visualization == expected


def test_test_time_augmentation(trained, tool_here):
    args = config('same'), checkpoint(trained, 'same')
    assert 0 <= miou(tool_here('test', trained, *args, '--tta')) <= 100


def test_compiled(tmp_path, tool_here):
    # What is compiled takes its time by the operation.
    (tmp_path / 'two_stages.py').write_text(SHORT_CONFIG)
    (tmp_path / 'short.py').write_text(ONE_STAGE)
    model = MODELS.build(Config.fromfile(tmp_path / 'short.py').model)
    torch.save(model.state_dict(), tmp_path / 'short.pth')
    args = 'short.py', 'short.pth'
    found = tool_here('test', tmp_path, *args, options=['compile.backend=eager'])
    assert 'Model has been "compiled"' in found.stdout
    assert miou(found) == miou(tool_here('test', tmp_path, *args))


def test_ensemble_of_two_checkpoints_needs_no_training(
    trained, tool_here, monkeypatch, capsys
):
    single = checkpoint(trained, 'single')
    expected = miou(tool_here('test', trained, config('single'), single))
    option = f'model.networks_init=[{single},{single}]'
    found = tool_here('test', trained, config('ensemble'), options=[option])
    # Twice the same network: the mean is that network.
    assert miou(found) == expected
    # A report predicts images again, from the two checkpoints.
    runs = [f'work_dirs/deeplabv3plus_r18_{m}_toy' for m in ('single', 'ensemble')]
    args = [*runs, '--report', 'report']
    done = run_tool('compare.py', trained, args, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    pair = tool_here('test', trained, config('same'), options=[option])
    # Identity start: the pair begins exactly as good.
    assert miou(pair) == expected


def test_resume_and_amp(trained, python, tmp_path):
    # A copy, since the resumed run removes older checkpoints.
    folder = shutil.copytree(trained, tmp_path / 'resumed')
    done = tool(
        'train',
        folder,
        config('same'),
        '--resume',
        '--amp',
        options=['train_cfg.max_iters=6', 'train_cfg.val_interval=6'],
        python=python,
    )
    assert 'resumed epoch: 0, iter: 4' in done.stdout
    assert checkpoint(folder, 'same').with_name('iter_6.pth').is_file()


ERRORS = {
    'no config': (['train', 'nowhere.py'], 'there is no config file nowhere.py'),
    'no data': (
        ['train', CONFIGS / 'danet_r101_same_cityscapes.py'],
        'in data/cityscapes/leftImg8bit/train, where there are none',
    ),
    'no weights': (
        ['test', config('same')],
        'no weights to test: give a checkpoint after the config',
    ),
    'weights of one network only': (
        [
            'test',
            config('ensemble'),
            '--cfg-options',
            'model.networks_init=[a.pth,None]',
        ],
        'no weights to test: give a checkpoint after the config',
    ),
    'networks that take turns, compiled': (
        [
            'train',
            config('same'),
            '--cfg-options',
            'compile=True',
            'model.connections.pattern=cross',
        ],
        "take turns, which can't be compiled, traced or exported; leave out compile",
    ),
    'no checkpoint': (['test', config('same'), 'nowhere.pth'], 'nowhere.pth'),
    'no submission': (
        ['test', config('same'), 'a.pth', '--submission', 'out'],
        '--submission: the config has no submission_dataloader',
    ),
}


@pytest.mark.parametrize('name', ERRORS)
def test_errors_are_short(name, tmp_path, monkeypatch, capsys):
    (tool_name, *args), message = ERRORS[name]
    done = run_tool(f'{tool_name}.py', tmp_path, args, monkeypatch, capsys)
    assert done.returncode == 2
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert 'Traceback' not in done.stderr


def test_checkpoint_of_another_architecture(trained, tool_here):
    args = config('single', 'danet'), checkpoint(trained, 'single')
    done = tool_here('test', trained, *args, code=2)
    assert 'is a checkpoint of another architecture' in done.stderr
    assert 'missing: decode_head.pam_in_conv.conv.weight' in done.stderr
    assert len(done.stderr.splitlines()) < 8


def test_wrong_number_of_classes(tmp_path, tool_here):
    done = tool_here(
        'train',
        tmp_path,
        config('same'),
        options=['model.decode_head.num_classes=19'],
        code=2,
    )
    assert 'model.decode_head.num_classes: found 19, but ToyStreets' in done.stderr
