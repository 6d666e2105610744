"""Find faults of image and label files, and describe them in one line."""

import io

import cv2
import numpy as np
from mmengine import fileio
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from ..wording import first_line, first_of

_JPEG, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG = b'\x89PNG\r\n\x1a\n'
# Modes of Pillow whose values do not fit into 8 bits.
_WIDE_MODES = ('I', 'F')


class DataFault(ValueError):
    """Fault of an image or label; the message names the file."""

    def __init__(self, message: str):
        # PyTorch raises an error of a loader's worker again, with the worker's
        # traceback as its message: the original message is at its end.
        super().__init__(message.rsplit(f'{type(self).__name__}: ', 1)[-1].strip())


def read_file(path: str, backend_args: dict | None) -> bytes:
    """Read a file with MMEngine's backends, and check that it is complete.

    It detects a JPEG that ends too early and a PNG with a wrong checksum, which OpenCV
    4 decodes to grey or black without an error. Other formats are left to their
    decoders.

    Raises:
        DataFault: If the file is missing, unreadable or damaged.
    """
    try:
        data = fileio.get(path, backend_args=backend_args)
        if data.startswith(_PNG):
            # Unlike Image.open it has no limit of size.
            PngImageFile(io.BytesIO(data)).verify()
    except Exception as error:
        # A damaged file makes Pillow fail in many ways.
        raise DataFault(f'{path}: can not be read ({first_line(error)})') from None
    # An end follows the last scan; a preview has an end of its own before.
    if data.startswith(_JPEG) and data.rfind(_JPEG_END) <= data.rfind(_JPEG_SCAN):
        raise DataFault(f'{path}: is truncated: the end of the file is missing')
    return data


def undecodable(path: str, error: Exception) -> DataFault:
    """Make the fault of a file that can't be decoded."""
    return DataFault(f'{path}: can not be decoded as an image ({first_line(error)})')


def check_depth(path: str, data: bytes) -> None:
    """Check that the values of a label fit into 8 bits, as MMSegmentation reads them.

    Raises:
        DataFault: If they don't, or are no whole numbers.
    """
    with Image.open(io.BytesIO(data)) as image:
        # Other modes have 8 bits; opening reads only the header.
        if not image.mode.startswith(_WIDE_MODES):
            return
        values = np.asarray(image)
    wrong = values[~((values == np.round(values)) & (values >= 0) & (values <= 255))]
    if wrong.size:
        raise DataFault(
            f'{path}: found {wrong[0]:g}, expected a label of whole numbers from 0 to '
            '255: loading would truncate others silently'
        )


def check_label(
    path: str,
    label: np.ndarray,
    shape: tuple[int, int] | None,
    num_classes: int | None,
    ignore_index: int,
) -> None:
    """Check a label (H, W), uint8, as MMSegmentation has loaded it.

    Raises:
        DataFault: If it has channels, another size than its image (``shape``), or
            values that are no class.
    """
    if label.ndim != 2:
        raise DataFault(
            f'{path}: found a label of shape {label.shape}, expected (H, W): one '
            'channel, grey or with a palette, that holds the number of the class'
        )
    faults = []
    if shape is not None and label.shape != tuple(shape):
        faults.append(
            'found a label of {}x{} for an image of {}x{} (height x width), expected '
            'the same size'.format(*label.shape, *shape)
        )
    counts = histogram(label)
    values = set(np.flatnonzero(counts)) - {ignore_index, *range(num_classes or 256)}
    if values:
        found = first_of([f'{v} ({counts[v]} pixels)' for v in sorted(values)])
        faults.append(
            f'found labels {found}, expected classes 0 to {num_classes - 1} or '
            f'{ignore_index} (ignored)'
        )
    if faults:
        raise DataFault(f'{path}: {"; ".join(faults)}')


def histogram(label: np.ndarray) -> np.ndarray:
    """Count the pixels of each value, (256,), in a label (H, W), uint8."""
    # Several times as fast as numpy.bincount, which makes a copy in 64 bits.
    counts = cv2.calcHist([label], [0], None, [256], [0, 256])
    return counts.ravel().astype(np.int64)
