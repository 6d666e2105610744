"""Tables of the converters against names, counts and real data."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import CityscapesDataset
from PIL import Image

from mmseg_coop.datasets import CamVidDataset
from mmseg_coop.datasets.convert import replace_values

CONVERTERS = Path(__file__).parents[2] / 'tools' / 'dataset_converters'
# Cityscapes' definition: label ids by name.
CITYSCAPES_IDS = {
    'unlabeled': 0,
    'ego vehicle': 1,
    'rectification border': 2,
    'out of roi': 3,
    'static': 4,
    'dynamic': 5,
    'ground': 6,
    'road': 7,
    'sidewalk': 8,
    'parking': 9,
    'rail track': 10,
    'building': 11,
    'wall': 12,
    'fence': 13,
    'guard rail': 14,
    'bridge': 15,
    'tunnel': 16,
    'pole': 17,
    'polegroup': 18,
    'traffic light': 19,
    'traffic sign': 20,
    'vegetation': 21,
    'terrain': 22,
    'sky': 23,
    'person': 24,
    'rider': 25,
    'car': 26,
    'truck': 27,
    'bus': 28,
    'caravan': 29,
    'trailer': 30,
    'train': 31,
    'motorcycle': 32,
    'bicycle': 33,
    # -1, in 8 bits.
    'license plate': 255,
}


def load(name: str) -> dict:
    return runpy.run_path(str(CONVERTERS / f'{name}.py'))


def run(monkeypatch, name: str, *args) -> None:
    path = str(CONVERTERS / f'{name}.py')
    monkeypatch.setattr(sys, 'argv', [path, *map(str, args)])
    runpy.run_path(path, run_name='__main__')


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def test_cityscapes_ids_by_name():
    classes = CityscapesDataset.METAINFO['classes']
    ids = np.array([list(CITYSCAPES_IDS.values())], np.uint8)
    found = replace_values(ids, load('cityscapes')['_TRAIN_IDS'])[0]
    for name, train_id in zip(CITYSCAPES_IDS, found, strict=True):
        assert train_id == (classes.index(name) if name in classes else 255), name


def test_cityscapes_ids_on_a_frame(cityscapes_root):
    """A real frame that was resized; borders differ between the two files."""
    for path in (cityscapes_root / 'gtFine').rglob('*_labelIds.png'):
        ids = read(path)
        found = replace_values(ids, load('cityscapes')['_TRAIN_IDS'])
        expected = read(path.with_name(path.name.replace('labelIds', 'labelTrainIds')))
        assert (found == expected).mean() > 0.995
        for label_id in np.unique(ids):
            here = ids == label_id
            assert (found[here] == np.bincount(expected[here]).argmax()).all()


def test_camvid_split_by_name(camvid_root):
    split_of = load('camvid')['split_of']
    assert split_of('0001TP_008520') == 'train'
    assert split_of('0001TP_008550') == split_of('Seq05VD_f05100') == 'test'
    assert split_of('0006R0_f03930') == split_of('0016E5_08190') == 'train'
    assert split_of('0016E5_07959') == split_of('0016E5_08159') == 'val'
    for split in ('train', 'val'):
        for path in (camvid_root / 'img_dir' / split).glob('*_*.jpg'):
            assert split_of(path.stem) == split, path.stem


def test_camvid_colours():
    colors = load('camvid')['_COLORS']
    assert len(colors) == len(CamVidDataset.METAINFO['classes'])
    flat = [color for group in colors for color in group]
    # CamVid has 32 classes with void.
    assert len(flat) == len(set(flat)) == 31


@pytest.mark.parametrize('nproc', [1, 2])
def test_camvid_original_download(tmp_path, monkeypatch, nproc):
    colors = load('camvid')['_COLORS']
    names = {'0006R0_f00930': 'train', '0016E5_07961': 'val', 'Seq05VD_f00000': 'test'}
    random = np.random.default_rng(0)
    expected = {}
    for name in names:
        # 12 stands for a colour that CamVid does not define.
        label = np.kron(random.integers(0, 13, (36, 48)), np.ones((20, 20), int))
        rgb = np.full((*label.shape, 3), 1, np.uint8)
        for index, group in enumerate(colors):
            rgb[label == index] = group[random.integers(len(group))]
        rgb[label == 11] = 0
        expected[name] = np.where(label > 10, 255, label)[::2, ::2]
        for folder, suffix in (
            ('701_StillsRaw_full', ''),
            ('LabeledApproved_full', '_L'),
        ):
            path = tmp_path / 'from' / folder / f'{name}{suffix}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb if suffix else np.full_like(rgb, 99)).save(path)
    run(monkeypatch, 'camvid', tmp_path / 'from', tmp_path / 'to', '--nproc', nproc)
    for name, split in names.items():
        label = read(tmp_path / 'to' / 'ann_dir' / split / f'{name}.png')
        assert label.dtype == np.uint8 and np.array_equal(label, expected[name])
        image = read(tmp_path / 'to' / 'img_dir' / split / f'{name}.jpg')
        assert image.shape == (360, 480, 3) and abs(image.astype(int) - 99).max() < 4
