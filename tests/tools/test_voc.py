"""The VOC configs on a small folder in VOC's layout, with a narrow backbone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.run_tool import run_tool

REPO = Path(__file__).parents[2]
CONFIG = REPO / 'configs' / 'coop' / 'deeplabv3plus_r101_same_voc2012.py'
NARROW = [
    'model.pretrained=None',
    'model.backbone.depth=18',
    'model.backbone.stem_channels=8',
    'model.backbone.base_channels=8',
    'model.decode_head.in_channels=64',
    'model.decode_head.channels=16',
    'model.decode_head.c1_in_channels=8',
    'model.auxiliary_head.in_channels=32',
    'train_dataloader.batch_size=2',
    *(
        f'{split}_dataloader.{option}'
        for split in ('train', 'val', 'test', 'submission')
        for option in ('num_workers=0', 'persistent_workers=False')
    ),
    'train_cfg.max_iters=1',
    'train_cfg.val_interval=1',
    'default_hooks.checkpoint.interval=1',
]
SIZES = {'train': (375, 500), 'aug': (500, 333), 'val': (366, 500), 'test': (500, 281)}


@pytest.fixture
def devkit(tmp_path) -> Path:
    voc = tmp_path / 'data/VOCdevkit/VOC2012'
    folders = ('JPEGImages', 'SegmentationClass', 'SegmentationClassAug')
    for name in (*folders, 'ImageSets/Segmentation'):
        (voc / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for split, size in SIZES.items():
        (voc / f'ImageSets/Segmentation/{split}.txt').write_text(f'{split}_0\n')
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(voc / f'JPEGImages/{split}_0.jpg')
        label = np.kron(random.integers(0, 21, (2, 2)), np.ones((300, 300)))
        folder = folders[2] if split == 'aug' else folders[1]
        if split != 'test':
            label = Image.fromarray(label[: size[0], : size[1]].astype(np.uint8))
            label.save(voc / folder / f'{split}_0.png')
    return tmp_path


@pytest.fixture
def tool(devkit, monkeypatch, capsys):
    def run(name: str, *args) -> str:
        args = [CONFIG, *args, '--cfg-options', *NARROW]
        done = run_tool(f'{name}.py', devkit, args, monkeypatch, capsys)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_trains_tests_and_submits(devkit, tool):
    assert 'mIoU' in tool('train')
    # A test runs without the data that only training reads.
    shutil.rmtree(devkit / 'data/VOCdevkit/VOC2012/SegmentationClassAug')
    weights = 'work_dirs/deeplabv3plus_r101_same_voc2012/iter_1.pth'
    assert 'tvmonitor' in tool('test', weights)
    tool('test', weights, '--submission', 'out')
    files = list((devkit / 'out').rglob('*.png'))
    assert [f.name for f in files] == ['test_0.png']
    assert files[0].parent.name == 'comp6_test_cls'
    assert np.array(Image.open(files[0])).shape == SIZES['test']
    assert 'mIoU' in tool('test', weights, '--tta')
