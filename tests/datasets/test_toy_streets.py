import hashlib

import mmcv
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_coop.datasets import ToyStreets
from mmseg_coop.datasets.toy_scene import CLASSES, PERSON, POLE, ToyScene


def test_scenes_are_the_same_on_every_machine():
    digest = hashlib.sha256()
    for seed in (0, 1, 1_000_000):
        scene = ToyScene(seed)
        digest.update(scene.image.tobytes() + scene.label.tobytes())
    assert (
        digest.hexdigest()
        == '7882a544e1887e87b365abe2ec73af52c036f86f609e9850dd39144d44e53caa'
    )


def test_scenes_of_any_size():
    for size in ((32, 32), (64, 96), (180, 240)):
        scene = ToyScene(3, *size)
        assert scene.image.shape == (*size, 3) and scene.image.dtype == np.uint8
        assert scene.label.shape == size and scene.label.max() < len(CLASSES)


def test_every_class_occurs_and_thin_ones_are_rare():
    labels = [ToyScene(seed).label.ravel() for seed in range(100)]
    share = np.bincount(np.concatenate(labels), minlength=len(CLASSES)) / 100 / 64 / 96
    assert (share > 0.005).all()
    assert share[POLE] < 0.03 and share[PERSON] < 0.04


def test_splits_share_no_scene():
    splits = [ToyStreets(split=split) for split in ('train', 'val', 'test')]
    scenes = {split[i]['img'].tobytes() for split in splits for i in range(20)}
    assert len(scenes) == 60


def test_goes_through_the_hosts_pipeline():
    dataset = DATASETS.build(
        dict(
            type='ToyStreets',
            split='val',
            num_images=3,
            pipeline=[dict(type='RandomFlip', prob=1.0), dict(type='PackSegInputs')],
        )
    )
    assert len(dataset) == 3 and len(dataset.metainfo['classes']) == 8
    scene = ToyScene(1_000_002)
    packed = dataset[2]
    assert packed['inputs'].shape == (3, 64, 96)
    label = packed['data_samples'].gt_sem_seg.data[0].numpy()
    assert np.array_equal(label, scene.label[:, ::-1])
    assert packed['data_samples'].img_path == 'toy://64x96/1000002.png'
    image = mmcv.imread('toy://64x96/1000002.png')
    assert np.array_equal(image, scene.image)
    assert packed['data_samples'].ori_shape == (64, 96)


def test_unknown_split():
    with pytest.raises(ValueError, match="ToyStreets.split: found 'all', expected one"):
        ToyStreets(split='all')


def test_selected_classes():
    classes = ('road', 'car')
    every, some = (
        ToyStreets(split='val', num_images=4, metainfo=metainfo)
        for metainfo in (None, dict(classes=classes))
    )
    for i in range(4):
        label, selected = every[i]['gt_seg_map'], some[i]['gt_seg_map']
        assert selected.dtype == np.uint8
        for index, name in enumerate(CLASSES):
            found = set(selected[label == index].tolist())
            assert found <= {classes.index(name) if name in classes else 255}


@pytest.mark.parametrize('found', [0, 1_000_001])
def test_numbers_out_of_range(found):
    message = f'ToyStreets.num_images: found {found}, expected 1 to 1000000'
    with pytest.raises(ValueError, match=message):
        ToyStreets(num_images=found)
