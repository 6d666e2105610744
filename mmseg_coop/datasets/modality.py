"""A second modality beside the image: depth, infrared, edges."""

import numpy as np
from mmseg.registry import TRANSFORMS

from .checked_loading import LoadCheckedImage
from .faults import DataFault


@TRANSFORMS.register_module()
class LoadModality(LoadCheckedImage):
    """Append the channels of a second file to the image.

    Networks choose among the channels by ``networks.<name>.inputs``. Transforms that
    need the three channels of a colour image (``PhotoMetricDistortion``) come before
    it, those that move pixels (resize, crop, flip) after it.

    Args:
        replace: A part of the image's path, and what stands there in the second
            file's, as in ``('img_dir', 'depth_dir')``; of several the last.
        suffix: The second file's suffix. Default: the image's.
        color_type: ``grayscale``: one channel of 8 bits; ``unchanged``: as in the file,
            16 bits included; ``color``: three.
        **kwargs: As for ``LoadImageFromFile``.
    """

    def __init__(
        self,
        replace: tuple[str, str],
        suffix: str | None = None,
        color_type: str = 'grayscale',
        **kwargs,
    ):
        super().__init__(color_type=color_type, **kwargs)
        pair = isinstance(replace, list | tuple) and len(replace) == 2
        if not pair or not all(isinstance(part, str) and part for part in replace):
            raise ValueError(
                f'LoadModality.replace: found {replace!r}, expected a part of '
                "image paths and what takes its place, as in ('img_dir', 'depth_dir')"
            )
        self.replace = tuple(replace)
        self.suffix = suffix

    def transform(self, results: dict) -> dict:
        """Append to ``img``, (H, W, C), what the file has, (H, W, D).

        Raises:
            DataFault: If the file is at fault, or of another size than the image.
            ValueError: If the image's path does not tell the file's.
        """
        path = self.path_of(results['img_path'])
        found = super().transform({'img_path': path})
        if found is None:
            return None
        image, other = results['img'], found['img']
        if other.shape[:2] != image.shape[:2]:
            raise DataFault(
                f'{path}: found {other.shape[0]} x {other.shape[1]} pixels, but its '
                f'image {results["img_path"]} has {image.shape[0]} x {image.shape[1]}'
            )
        other = other if other.ndim == 3 else other[..., None]
        results['img'] = np.concatenate([image, other], axis=2)
        return results

    def path_of(self, image: str) -> str:
        """The path of the second file that belongs to an image."""
        before, part, after = str(image).rpartition(self.replace[0])
        if not part:
            raise ValueError(
                f'LoadModality.replace: the image path {str(image)!r} has no '
                f'{self.replace[0]!r}; of an image without a file there is no second'
            )
        path = f'{before}{self.replace[1]}{after}'
        if self.suffix is None:
            return path
        stem, dot, _ = path.rpartition('.')
        return f'{stem if dot else path}{self.suffix}'
