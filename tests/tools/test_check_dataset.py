"""tools/check_dataset.py, and what tools/train.py does with wrong data."""

import shutil

import pytest

from helpers.run_tool import run_tool
from helpers.street_files import (
    CONFIGS,
    image,
    label,
    make_files,
    options,
    set_pixels,
    truncate,
)

CONFIG = CONFIGS / 'danet_r18_single_camvid.py'


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp('files'))


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    def run(root, *arguments):
        args = [CONFIG, *arguments, '--cfg-options', *options(root)]
        return run_tool('check_dataset.py', tmp_path, args, monkeypatch, capsys)

    return run


def test_whole_data(check, files, tmp_path):
    done = check(files, '--out', 'out')
    assert done.returncode == 0
    assert done.stderr == '' and 'No faults.' in done.stdout
    for text in ('val, test: images', 'Remarks: ', 'never occurs: ', 'sky'):
        assert text in done.stdout
    assert (tmp_path / 'out' / 'faults.txt').read_text() == ''
    header, *rows = (tmp_path / 'out' / 'classes.csv').read_text().splitlines()
    assert header.startswith(',sky,building') and len(rows) == 4
    assert (tmp_path / 'out' / 'classes.png').stat().st_size > 10_000


def test_wrong_data(check, tmp_path):
    root = make_files(tmp_path / 'files', train=25)
    for i in range(25):
        truncate(image(root, 'train', i))
    before = {path: path.read_bytes() for path in root.rglob('*.*')}
    done = check(root, '--nproc', '2', '--out', 'out', '--splits', 'train')
    assert done.returncode == 1
    assert 'Faults: 25' in done.stdout
    assert f'train: {root}/img_dir/train/0.jpg: is truncated' in done.stdout
    assert 'and 5 more' in done.stdout
    lines = (tmp_path / 'out' / 'faults.txt').read_text().splitlines()
    assert len(lines) == 25
    assert before == {path: path.read_bytes() for path in root.rglob('*.*')}


def test_no_data(check, tmp_path):
    done = check(tmp_path / 'nowhere')
    assert done.returncode == 2
    assert done.stderr.startswith('error: train_dataloader.dataset.data_prefix')


SHORT = [
    'default_hooks.logger.interval=1',
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=1',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'model.backbone.base_channels=4',
    'model.backbone.stem_channels=4',
    'model.decode_head.in_channels=32',
    'model.auxiliary_head.in_channels=16',
]


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    def run(root, *further):
        # Runs of the same second and name write one log.
        name = f'experiment_name={tmp_path.name}'
        args = [CONFIG, '--cfg-options', *options(root), *SHORT, name, *further]
        return run_tool('train.py', tmp_path, args, monkeypatch, capsys)

    return run


def test_training_stops_with_the_line_of_the_survey(files, train, check, tmp_path):
    root = shutil.copytree(files, tmp_path / 'files')
    for i in range(4):
        set_pixels(label(root, 'train', i), 200, 9)
    # In a worker of the loader.
    done = train(root)
    assert done.returncode == 2
    (line,) = (x for x in done.stderr.splitlines() if x.startswith('error: '))
    assert 'found labels 200 (9 pixels), expected classes 0 to 10 or 255' in line
    assert 'Traceback' not in done.stderr
    assert line.removeprefix('error: ') in check(root, '--splits', 'train').stdout


def test_training_skips_but_validation_stops(files, train, tmp_path):
    root = shutil.copytree(files, tmp_path / 'files')
    truncate(image(root, 'train', 2))
    truncate(image(root, 'val', 0))
    done = train(root, 'default_hooks.data_faults.policy=skip')
    assert done.returncode == 2
    assert f'error: {root}/img_dir/val/0.jpg: is truncated' in done.stderr
    log = next(tmp_path.rglob('*.log')).read_text()
    assert log.count(f'Skipped: {root}/img_dir/train/2.jpg: is truncated') == 1
    assert 'Iter(train) [2/2]' in log
    # The inferencer looks for the loaders that the config names.
    written = (tmp_path / 'work_dirs' / CONFIG.stem / CONFIG.name).read_text()
    assert "'LoadImageFromFile'" in written and 'Checked' not in written
