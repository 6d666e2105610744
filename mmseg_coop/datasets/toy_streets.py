"""ToyStreets: street-like scenes drawn on the fly, so that anything runs at once."""

import re

import cv2
from mmengine.fileio import BaseStorageBackend, register_backend
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .toy_scene import CLASSES, ToyScene

# Far apart, so that splits of any size share no scene.
_FIRST_SEED = {'train': 0, 'val': 1_000_000, 'test': 2_000_000}


@register_backend('toy', prefixes='toy', force=True)
class ToyBackend(BaseStorageBackend):
    """Read the image of a scene as if it were a file: ``toy://64x96/7.png``.

    What reads images by their path, such as ``SegVisualizationHook``, needs it.
    """

    def get(self, filepath: str) -> bytes:
        """The scene as PNG."""
        height, width, seed = map(int, re.findall(r'\d+', filepath))
        image = ToyScene(seed, height, width).image
        return cv2.imencode('.png', image)[1].tobytes()

    def get_text(self, filepath: str) -> str:
        """A scene is no text."""
        raise ValueError(f'{filepath} is an image')


@DATASETS.register_module()
class ToyStreets(BaseSegDataset):
    """Small street scenes in eight classes, without files.

    Each scene is drawn from its number: the same on every machine. Poles and persons
    are thin and small, and rare.

    Args:
        split: ``train``, ``val`` or ``test``.
        num_images: Number of scenes.
        size: Height and width in pixels.
        seed: Another seed gives another set of scenes.
        **kwargs: As for MMSegmentation's ``BaseSegDataset``.

    Raises:
        ValueError: If the split is unknown.
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
        seed: int = 0,
        **kwargs,
    ):
        if split not in _FIRST_SEED:
            raise ValueError(
                f'ToyStreets.split: found {split!r}, expected one of '
                f'{", ".join(_FIRST_SEED)}'
            )
        self.split = split
        self.num_images = num_images
        self.size = tuple(size)
        self.seed = seed
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """A path and a seed for each scene."""
        first = _FIRST_SEED[self.split] + 10_000_000 * self.seed
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
            gt_seg_map=scene.label,
            seg_fields=['gt_seg_map'],
        )
        return info
