"""tools/train.py and tools/test.py, run as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_coop.evaluation import Results

REPO = Path(__file__).parents[2]
TOOLS = REPO / 'tools'
CONFIGS = REPO / 'configs' / 'coop'
SHORT = [
    'train_cfg.max_iters=4',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=2',
    'train_dataloader.dataset.num_images=16',
    'val_dataloader.dataset.num_images=8',
    'test_dataloader.dataset.num_images=8',
]


def run(command: list, cwd: Path, code: int = 0) -> subprocess.CompletedProcess:
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PORT': '29613'}
    # The shell scripts call the python that is found first.
    env['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{env["PATH"]}'
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout[-1500:] + done.stderr[-1500:]
    return done


def tool(name: str, cwd: Path, *args, options=(), code: int = 0):
    command = [sys.executable, TOOLS / f'{name}.py', *args]
    return run([*command, '--cfg-options', *SHORT, *options], cwd, code)


def config(method: str, network: str = 'deeplabv3plus') -> Path:
    return CONFIGS / f'{network}_r18_{method}_toy.py'


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """A folder in which a connected pair and a single network have been trained."""
    folder = tmp_path_factory.mktemp('trained')
    tool('train', folder, config('same'))
    tool('train', folder, config('single'))
    return folder


def checkpoint(folder: Path, method: str) -> Path:
    return folder / f'work_dirs/deeplabv3plus_r18_{method}_toy/iter_4.pth'


def miou(done: subprocess.CompletedProcess) -> float:
    return float(done.stdout.split('mIoU: ')[-1].split()[0])


def test_training_leaves_what_mmsegmentation_leaves(trained):
    work_dir = trained / 'work_dirs/deeplabv3plus_r18_same_toy'
    assert (work_dir / 'iter_4.pth').is_file()
    assert list(work_dir.glob('best_mIoU_iter_*.pth'))
    assert (work_dir / 'last_checkpoint').read_text().endswith('iter_4.pth')
    assert (work_dir / 'deeplabv3plus_r18_same_toy.py').is_file()
    scalars = next(work_dir.rglob('scalars.json')).read_text()
    assert 'mIoU' in json.loads(scalars.splitlines()[-1])


def test_test_reports_miou_and_classes(trained):
    args = config('same'), checkpoint(trained, 'same')
    done = tool('test', trained, *args, '--out', 'out', '--show-dir', 'shown')
    assert 0 <= miou(done) <= 100
    assert 'sidewalk' in done.stdout
    labels = sorted((trained / 'out').glob('*.png'))
    assert len(labels) == 8
    assert np.array(Image.open(labels[0])).shape == (64, 96)
    assert list(trained.rglob('shown/**/*.png'))
    assert 'Warning' not in done.stderr


def test_test_time_augmentation(trained):
    args = config('same'), checkpoint(trained, 'same')
    assert 0 <= miou(tool('test', trained, *args, '--tta')) <= 100


def test_ensemble_of_two_checkpoints_needs_no_training(trained):
    single = checkpoint(trained, 'single')
    expected = miou(tool('test', trained, config('single'), single))
    option = f'model.networks_init=[{single},{single}]'
    found = tool('test', trained, config('ensemble'), options=[option])
    # Twice the same network: the mean is that network.
    assert miou(found) == expected
    pair = tool('test', trained, config('same'), options=[option])
    # Identity start: the pair begins exactly as good.
    assert miou(pair) == expected


def test_resume_and_amp(trained):
    done = tool(
        'train',
        trained,
        config('same'),
        '--resume',
        '--amp',
        options=['train_cfg.max_iters=6', 'train_cfg.val_interval=6'],
    )
    assert 'resumed epoch: 0, iter: 4' in done.stdout
    assert checkpoint(trained, 'same').with_name('iter_6.pth').is_file()


def test_two_processes_without_a_gpu(trained):
    """SyncBN is converted, and says so."""
    train = ['bash', TOOLS / 'dist_train.sh', config('same', 'danet'), 2]
    options = [*SHORT, 'model.decode_head.norm_cfg.type=SyncBN']
    done = run([*train, '--cfg-options', *options], trained)
    assert 'SyncBN layers are converted to BN' in done.stdout + done.stderr
    weights = trained / 'work_dirs/danet_r18_same_toy/iter_4.pth'
    # More processes than images.
    few = 'test_dataloader.dataset.num_images=2'
    test = ['bash', TOOLS / 'dist_test.sh', config('same', 'danet'), weights, 3]
    run([*test, '--work-dir', 'three', '--cfg-options', *SHORT, few], trained)
    args = config('same', 'danet'), weights, '--work-dir', 'one'
    tool('test', trained, *args, options=[few])
    three, one = (
        Results.load(trained / f'{n}/results/test.npz') for n in ('three', 'one')
    )
    assert len(three.images) == 2 and three.images == one.images
    for name, areas in one.areas.items():
        np.testing.assert_array_equal(three.areas[name], areas)
    for name, counts in one.pairs.items():
        np.testing.assert_array_equal(three.pairs[name], counts)


ERRORS = {
    'no config': (['train', 'nowhere.py'], 'there is no config file nowhere.py'),
    'no data': (
        ['train', CONFIGS / 'danet_r101_same_cityscapes.py'],
        'CityscapesDataset expects data/cityscapes/leftImg8bit/train, which is not',
    ),
    'no weights': (
        ['test', config('same')],
        'no weights to test: name a checkpoint behind the config',
    ),
    'weights of one network only': (
        [
            'test',
            config('ensemble'),
            '--cfg-options',
            'model.networks_init=[a.pth,None]',
        ],
        'no weights to test: name a checkpoint behind the config',
    ),
    'no checkpoint': (['test', config('same'), 'nowhere.pth'], 'nowhere.pth'),
    'no submission': (
        ['test', config('same'), 'a.pth', '--submission', 'out'],
        '--submission: the config has no submission_dataloader',
    ),
}


@pytest.mark.parametrize('name', ERRORS)
def test_errors_are_short(name, tmp_path):
    (tool_name, *args), message = ERRORS[name]
    done = run([sys.executable, TOOLS / f'{tool_name}.py', *args], tmp_path, code=2)
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert 'Traceback' not in done.stderr


def test_checkpoint_of_another_architecture(trained):
    args = config('single', 'danet'), checkpoint(trained, 'single')
    done = tool('test', trained, *args, code=2)
    assert 'is a checkpoint of another architecture' in done.stderr
    assert 'missing: decode_head.pam_in_conv.conv.weight' in done.stderr
    assert len(done.stderr.splitlines()) < 8


def test_wrong_number_of_classes(tmp_path):
    done = tool(
        'train',
        tmp_path,
        config('same'),
        options=['model.decode_head.num_classes=19'],
        code=2,
    )
    assert 'model.decode_head.num_classes: found 19, but ToyStreets' in done.stderr
