"""Read images with the loader of a config, and prepare them for display."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadImageFromNDArray

from ..wording import first_line


class UnreadableImageError(ValueError):
    """A file that can't be read as an image."""


def loads_images(step: Callable[[dict], dict | None]) -> bool:
    """Tell whether a step of a pipeline reads an image from a file.

    If the first step does not, the dataset itself gives images to the pipeline.
    """
    try:
        results = step(dict(img_path=''))
    except KeyError:
        return False
    except Exception:
        # There is no such file, for which each loader raises another error.
        return True
    return results is None or 'img' in results


class ImageReader:
    """Read files with a config's loader, or take arrays like those that it returns."""

    def __init__(self, load: Callable[[dict], dict | None]):
        self.load = load
        to_float32 = getattr(load, 'to_float32', False)
        self.take = LoadImageFromNDArray(to_float32=to_float32)

    def __call__(self, image: str | Path | np.ndarray) -> dict:
        """Load an image: ``img`` (H, W) or (H, W, C), and the loader's other keys.

        Args:
            image: A file, or an array as the loader returns it: by default (H, W, 3)
                in BGR, uint8.

        Raises:
            UnreadableImageError: If the file can't be read.
            ValueError: If the array is none that the loader could return.
        """
        if isinstance(image, np.ndarray):
            _check_array(image, self.load)
            return self.take(dict(img=image))
        try:
            results = self.load(dict(img_path=str(image)))
        except Exception as error:
            # Each loader and decoder raises other errors.
            reason = first_line(error)
            raise UnreadableImageError(
                f'{image} is missing or can not be read as an image ({reason})'
            ) from None
        if results is None:
            raise UnreadableImageError(f'{image} is missing or empty')
        return results


def _check_array(image: np.ndarray, load: Callable) -> None:
    """Check an array in place of a file that MMCV's loader reads in 8 bits."""
    bgr = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    # This class only: a sub-class may read files in another way.
    if bgr or type(load) is not LoadImageFromFile:
        return
    other = load.to_float32 or load.imdecode_backend == 'tifffile'
    if load.color_type.startswith('color') and not other:
        raise ValueError(
            f'image: found {image.dtype} of shape {image.shape}, expected uint8 '
            "(H, W, 3) in BGR, as the config's loader gives it"
        )


def displayed(image: np.ndarray) -> np.ndarray:
    """Convert an image, (H, W) or (H, W, C), for display: (H, W, 3) in BGR, uint8.

    One or two channels are shown in grey, of more the first three. Values outside of
    8 bits are stretched from the lowest to the highest.
    """
    image = image.reshape(*image.shape[:2], -1)
    image = image[..., :3] if image.shape[2] >= 3 else image[..., [0, 0, 0]]
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    image = np.nan_to_num(image.astype(np.float32))
    low, high = image.min(), image.max()
    if low < 0 or high > 255 or high <= 1:
        return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    return np.round(image).astype(np.uint8)
