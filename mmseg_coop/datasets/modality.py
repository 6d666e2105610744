"""Load a second modality with the image, such as depth, infrared or edges."""

from os.path import splitext

import numpy as np
from mmseg.registry import TRANSFORMS

from .checked_loading import LoadCheckedImage
from .file_faults import DataFault


@TRANSFORMS.register_module()
class LoadModality(LoadCheckedImage):
    """Append the channels of a second file to the image.

    Networks select channels by ``networks.<name>.inputs``. In a pipeline, transforms
    that need the three channels of a colour image (``PhotoMetricDistortion``) come
    before this one, those that move pixels (resize, crop, flip) after it.

    Args:
        replace: A part of the image's path and its replacement in the second file's
            path, as in ``('img_dir', 'depth_dir')``; the last occurrence is replaced.
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
        self.part, self.replacement = replace
        self.suffix = suffix

    def transform(self, results: dict) -> dict | None:
        """Append the file's channels, (H, W, D), to ``img``, (H, W, C).

        Raises:
            DataFault: If the file is at fault, or has another size than the image.
            ValueError: If the image's path does not have the part to replace.
        """
        path = self.path_of(results['img_path'])
        found = super().transform({'img_path': path})
        if found is None:
            # With ignore_empty.
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
        """Path of the second file of an image."""
        before, part, after = str(image).rpartition(self.part)
        if not part:
            raise ValueError(
                f'LoadModality.replace: the image path {str(image)!r} has no '
                f'{self.part!r}; LoadModality needs images from files'
            )
        path = f'{before}{self.replacement}{after}'
        return path if self.suffix is None else f'{splitext(path)[0]}{self.suffix}'
