"""Drawn scenes in the layouts of Cityscapes and CamVid."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_coop.datasets.toy_scene import ToyScene

# Cityscapes' indices of what a scene has; there is no pole to evaluate.
_TRAIN_IDS = np.array([10, 2, 0, 1, 8, 13, 5, 255], np.uint8)


def draw_cityscapes(root: Path, images: int, height: int, width: int) -> None:
    """Images to validate with, with their labels."""
    for i in range(images):
        scene = ToyScene(i, height, width)
        _save(root / f'leftImg8bit/val/town/{i}_leftImg8bit.png', scene.image)
        labels = root / f'gtFine/val/town/{i}_gtFine_labelTrainIds.png'
        _save(labels, _TRAIN_IDS[scene.label])


def draw_camvid(root: Path, images: int) -> None:
    """Images to train with, and two to validate, 360x480."""
    for i in range(images + 2):
        split = 'train' if i < images else 'val'
        scene = ToyScene(i, 360, 480)
        _save(root / 'img_dir' / split / f'{i}.jpg', scene.image)
        _save(root / 'ann_dir' / split / f'{i}.png', scene.label)


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
