"""ToyStreets: street scenes drawn on the fly, to run models without a download."""

import re

import cv2
import numpy as np
from mmengine.fileio import BaseStorageBackend, register_backend
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..models.expect import expect
from .toy_scene import CLASSES, ToyScene

# Splits have at most a million scenes each, so that they share none.
_MAX_IMAGES = 1_000_000
_FIRST_SEED = {'train': 0, 'val': _MAX_IMAGES, 'test': 2 * _MAX_IMAGES}


@register_backend('toy', prefixes='toy')
class ToyBackend(BaseStorageBackend):
    """File backend that draws the image of a scene for ``toy://64x96/7.png``.

    ``SegVisualizationHook`` and others read images by their path.
    """

    def get(self, filepath: str) -> bytes:
        """Draw a scene, as PNG."""
        height, width, seed = map(int, re.findall(r'\d+', filepath))
        image = ToyScene(seed, height, width).image
        return cv2.imencode('.png', image)[1].tobytes()

    def get_text(self, filepath: str) -> str:
        """Refuse: a scene is no text."""
        raise ValueError(f'{filepath} is an image')


@DATASETS.register_module()
class ToyStreets(BaseSegDataset):
    """Small street scenes in eight classes, without files.

    The number of a scene is its seed, so that it is the same on every machine. Poles
    and persons are thin, small and rare.

    Args:
        split: ``train``, ``val`` or ``test``.
        num_images: Number of scenes, at most a million.
        size: Height and width in pixels.
        **kwargs: As for MMSegmentation's ``BaseSegDataset``.
    """

    METAINFO = dict(  # noqa: RUF012  (the host's own convention)
        classes=CLASSES,
        palette=[
            [70, 130, 180],
            [70, 70, 70],
            [128, 64, 128],
            [244, 35, 232],
            [107, 142, 35],
            [0, 0, 142],
            [220, 220, 0],
            [220, 20, 60],
        ],
    )

    def __init__(
        self,
        split: str = 'train',
        num_images: int = 400,
        size: tuple[int, int] = (64, 96),
        **kwargs,
    ):
        splits = f'one of {", ".join(_FIRST_SEED)}'
        expect('ToyStreets.split', split, split in _FIRST_SEED, splits)
        in_range = 0 < num_images <= _MAX_IMAGES
        expect('ToyStreets.num_images', num_images, in_range, f'1 to {_MAX_IMAGES}')
        self.split = split
        self.num_images = num_images
        self.size = tuple(size)
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """List a path and a seed for each scene."""
        first = _FIRST_SEED[self.split]
        folder = 'toy://{}x{}'.format(*self.size)
        return [
            dict(
                img_path=f'{folder}/{seed}.png',
                label_map=self.label_map,
                reduce_zero_label=False,
                seg_fields=[],
                scene=seed,
            )
            for seed in range(first, first + self.num_images)
        ]

    def get_data_info(self, idx: int) -> dict:
        """Draw a scene: ``img`` (H, W, 3) in BGR and ``gt_seg_map`` (H, W)."""
        info = super().get_data_info(idx)
        scene = ToyScene(info.pop('scene'), *self.size)
        info.update(
            img=scene.image,
            img_shape=self.size,
            ori_shape=self.size,
            gt_seg_map=self._map_classes(scene.label),
            seg_fields=['gt_seg_map'],
        )
        return info

    def _map_classes(self, label: np.ndarray) -> np.ndarray:
        """Map labels as ``LoadAnnotations`` does where ``metainfo`` selects classes."""
        if self.label_map is None:
            return label
        table = [self.label_map[index] for index in range(len(CLASSES))]
        return np.array(table, np.uint8)[label]
