"""The converters, with a user's command lines."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from helpers.run_tool import run_tool


@pytest.fixture
def convert(monkeypatch, capsys):
    def run(name, *args):
        name = f'dataset_converters/{name}.py'
        return run_tool(name, '.', args, monkeypatch, capsys)

    return run


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def save(values: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.mark.parametrize('nproc', [1, 2])
def test_cityscapes(drawn_cityscapes, tmp_path, nproc, convert):
    root = tmp_path / 'cityscapes'
    shutil.copytree(drawn_cityscapes / 'gtFine', root / 'gtFine')
    expected = {}
    for path in root.rglob('*_labelTrainIds.png'):
        expected[path] = read(path)
        path.unlink()
    done = convert('cityscapes', root, '--nproc', nproc)
    assert done.returncode == 0, done.stderr
    assert len(expected) == 2
    for path, label in expected.items():
        assert np.array_equal(read(path), label)
    assert not list(root.rglob('*.part'))


def test_camvid_of_other_labels(tmp_path, convert):
    save(np.zeros((36, 48, 3)), tmp_path / 'from/train/a.png')
    save(np.zeros((36, 48, 3)), tmp_path / 'from/trainannot/a.png')
    done = convert('camvid', tmp_path / 'from', tmp_path / 'to')
    assert done.returncode == 2
    assert 'trainannot/a.png can not be converted (found an array of' in done.stderr


def test_cityscapes_of_16_bits(tmp_path, convert):
    path = tmp_path / 'gtFine/a_labelIds.png'
    path.parent.mkdir()
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(path)
    done = convert('cityscapes', tmp_path)
    assert done.returncode == 2 and 'a_labelIds.png can not be conv' in done.stderr


def test_camvid(tmp_path, convert):
    labels = {}
    for i, split in enumerate(('train', 'val', 'test')):
        label = np.random.default_rng(i).integers(0, 12, (36, 48))
        labels[split] = np.where(label == 11, 255, label)
        save(label, tmp_path / f'from/{split}annot/a.png')
        save(np.full((36, 48, 3), 99), tmp_path / f'from/{split}/a.png')
    done = convert('camvid', tmp_path / 'from', tmp_path / 'to')
    assert done.returncode == 0, done.stderr
    for split, label in labels.items():
        assert np.array_equal(read(tmp_path / f'to/ann_dir/{split}/a.png'), label)
        image = read(tmp_path / f'to/img_dir/{split}/a.jpg')
        assert image.shape == (36, 48, 3) and abs(image.astype(int) - 99).max() < 4


def test_voc_aug(tmp_path, convert):
    lists = tmp_path / 'devkit/VOC2012/ImageSets/Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train.txt').write_text('a\nb\n')
    (lists / 'val.txt').write_text('c\n')
    folder = tmp_path / 'sbd/dataset/cls'
    folder.mkdir(parents=True)
    labels = {}
    for i, name in enumerate('bcde'):
        labels[name] = np.random.default_rng(i).integers(0, 21, (9, 11))
        annotation = {'Segmentation': labels[name].astype(np.uint8)}
        savemat(folder / f'{name}.mat', {'GTcls': annotation})
    done = convert('voc_aug', tmp_path / 'devkit', tmp_path / 'sbd')
    assert done.returncode == 0, done.stderr
    # Validation images and those with VOC's own annotation are left out.
    assert (lists / 'aug.txt').read_text().split() == ['d', 'e']
    assert '4 with train.txt' in done.stdout and '10582' in done.stdout
    for name, label in labels.items():
        path = tmp_path / f'devkit/VOC2012/SegmentationClassAug/{name}.png'
        assert np.array_equal(read(path), label)


@pytest.mark.parametrize(
    ('name', 'args', 'message'),
    [
        ('cityscapes', ['nowhere'], "no *_labelIds.png in it; expected Cityscapes'"),
        ('camvid', ['nowhere', 'to'], 'nowhere/train: no *.png in it; expected CamVid'),
        ('voc_aug', ['nowhere', 'sbd'], 'train.txt'),
    ],
)
def test_wrong_folder(name, args, message, tmp_path, convert):
    done = convert(name, *(tmp_path / arg for arg in args))
    assert done.returncode == 2
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert 'Traceback' not in done.stderr
