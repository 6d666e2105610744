import shutil

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmseg_coop.datasets.survey import survey_data

from helpers.street_files import (
    CONFIGS,
    camvid_config,
    image,
    label,
    make_files,
    set_pixels,
    truncate,
)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp('files'))


@pytest.fixture
def root(files, tmp_path):
    return shutil.copytree(files, tmp_path / 'files')


@pytest.mark.parametrize('workers', [0, 2])
def test_whole_data(files, workers, capsys):
    found = survey_data(camvid_config(files), workers=workers)
    assert found.faults == []
    assert [split.name for split in found.splits] == ['train', 'val, test']
    read = ''.join(capsys.readouterr())
    assert 'train' in read and 'val, test' in read and read.count('100%') == 2
    train = found.splits[0]
    labels = [np.array(Image.open(label(files, 'train', i))) for i in range(4)]
    pixels = np.bincount(np.ravel(labels), minlength=256)
    np.testing.assert_array_equal(train.pixels, pixels)
    images = sum(np.isin(range(256), values) for values in labels)
    np.testing.assert_array_equal(train.images, images)
    missing = [n for i, n in enumerate(train.classes) if not pixels[i]]
    assert missing
    assert f'train: never occurs: {", ".join(missing)}' in found.remarks


def test_wrong_data(root):
    truncate(image(root, 'train', 0))
    set_pixels(label(root, 'train', 0), 77, 3)
    label(root, 'train', 1).unlink()
    image(root, 'train', 2).unlink()
    shutil.copy(image(root, 'train', 3), image(root, 'train', 4))
    shutil.copy(label(root, 'train', 3), label(root, 'train', 4))
    shutil.copy(image(root, 'train', 3), image(root, 'val', 0))
    found = survey_data(camvid_config(root))
    train, val = f'{root}/img_dir/train', f'{root}/img_dir/val'
    expected = [
        f'train: {train}/0.jpg: is truncated',
        f'train: {root}/ann_dir/train/0.png: found labels 77 (3 pixels)',
        f'train: {root}/ann_dir/train/1.png: can not be read (FileNotFoundError',
        f'train: {root}/ann_dir/train/2.png: a label without an image',
        'the same image in several splits: '
        f'{train}/3.jpg (train), {val}/0.jpg (val, test)',
    ]
    assert len(found.faults) == len(expected)
    for fault, start in zip(found.faults, expected, strict=True):
        assert fault.startswith(start)
    same = f'train: the same image: {train}/3.jpg, {train}/4.jpg'
    assert same in found.remarks


def test_lists_and_wrappers(root):
    (root / 'two.txt').write_text('0\n1\n')
    config = camvid_config(root)
    leaf = dict(config.train_dataloader.dataset)
    parts = [dict(leaf, ann_file='two.txt'), dict(leaf, indices=[3])]
    config.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(type='ConcatDataset', datasets=parts),
    )
    found = survey_data(config)
    assert [split.size for split in found.splits] == [3, 2]
    # Labels that are on no list are none of the dataset.
    assert found.faults == []
    (root / 'empty.txt').write_text('\n')
    config.test_dataloader.dataset.ann_file = 'empty.txt'
    with pytest.raises(FileNotFoundError, match='test_dataloader.dataset.ann_file'):
        survey_data(config)


def test_images_alone(root):
    config = camvid_config(root)
    del config.val_dataloader.dataset.pipeline[2]
    found = survey_data(config, ['val'])
    assert found.faults == []
    assert found.remarks == [
        'val: no labels were read; its pipeline loads none with LoadAnnotations'
    ]


def test_drawn_scenes():
    config = Config.fromfile(CONFIGS / 'danet_r18_single_toy.py')
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.num_images = 3
    found = survey_data(config)
    assert found.faults == []
    assert found.splits[0].pixels.sum() == 3 * 64 * 96
    config.train_dataloader.dataset.split = 'val'
    config.train_dataloader.dataset.num_images = 2
    assert len(survey_data(config).faults) == 2


def test_what_can_not_be_surveyed(root):
    config = camvid_config(root)
    with pytest.raises(ValueError, match='no dataloader of train in the config'):
        survey_data(Config(dict(model={})), ['train'])
    config = camvid_config(root / 'nowhere')
    with pytest.raises(FileNotFoundError, match='train_dataloader.dataset.data_prefix'):
        survey_data(config)
