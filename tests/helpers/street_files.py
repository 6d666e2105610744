"""A small dataset of files in CamVid's layout, to be broken."""

from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from mmseg_coop.datasets.toy_scene import ToyScene

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
SIZE = (48, 64)


def make_files(root: Path, train: int = 4, val: int = 2) -> Path:
    """Drawn scenes, all different: ``train/0.jpg`` and so on."""
    for split, seeds in (('train', range(train)), ('val', range(train, train + val))):
        for folder in ('img_dir', 'ann_dir'):
            (root / folder / split).mkdir(parents=True)
        for i, seed in enumerate(seeds):
            scene = ToyScene(seed, *SIZE)
            Image.fromarray(scene.image).save(image(root, split, i))
            Image.fromarray(scene.label).save(label(root, split, i))
    return root


def image(root: Path, split: str, i: int) -> Path:
    return root / 'img_dir' / split / f'{i}.jpg'


def label(root: Path, split: str, i: int) -> Path:
    return root / 'ann_dir' / split / f'{i}.png'


def options(root: Path) -> list[str]:
    """Values of --cfg-options for a CamVid config that reads the files."""
    keys = (f'{split}_dataloader.dataset' for split in ('train', 'val', 'test'))
    return [f'{key}.data_root={root}' for key in keys]


def camvid_config(root: Path, **changes) -> Config:
    config = Config.fromfile(CONFIGS / 'danet_r18_single_camvid.py')
    pairs = (option.split('=') for option in options(root))
    config.merge_from_dict({**dict(pairs), **changes})
    return config


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def set_pixels(path: Path, value: int, count: int) -> None:
    """Give the first pixels of a label a value."""
    values = np.array(Image.open(path))
    values.ravel()[:count] = value
    Image.fromarray(values).save(path)
