"""Find faults of image and label files, and describe them in one line."""

import io
from zlib import crc32

import cv2
import numpy as np
from mmengine import fileio
from PIL import Image

from ..wording import first_line, first_of

_JPEG = b'\xff\xd8'
_PNG = b'\x89PNG\r\n\x1a\n'
_TRUNCATED = 'is truncated: the end of the file is missing'
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

    It detects a JPEG or PNG that ends too early, and a PNG with a wrong checksum, which
    OpenCV 4 decodes to grey or black without an error. Other formats are left to their
    decoders.

    Raises:
        DataFault: If the file is missing, unreadable, empty or damaged.
    """
    try:
        data = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError:
        raise DataFault(f'{path}: there is no such file') from None
    except OSError as error:
        raise DataFault(f'{path}: can not be read ({error.strerror})') from None
    damage = _damage(data)
    if damage:
        raise DataFault(f'{path}: {damage}')
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
    if not np.all(values == np.round(values)):
        odd = values[values != np.round(values)][0]
        raise DataFault(
            f'{path}: found {odd:g}, expected whole numbers: the edges of a label must '
            'not be soft, since loading cuts what is behind the point'
        )
    if values.min() < 0 or values.max() > 255:
        raise DataFault(
            f'{path}: found values from {values.min():g} to {values.max():g}, expected '
            'a label with 8 bits, 0 to 255'
        )


def check_label(
    path: str,
    label: np.ndarray,
    shape: tuple[int, int] | None,
    num_classes: int | None,
    ignore_index: int,
) -> None:
    """Check a label as MMSegmentation has loaded it.

    Args:
        path: The label's file.
        label: (H, W), uint8, with ``reduce_zero_label`` and ``label_map`` applied.
        shape: Height and width of its image, if they are known.
        num_classes: Number of classes, if it is known.
        ignore_index: The value of ignored pixels.

    Raises:
        DataFault: If it has channels, another size than its image, or values that are
            no class.
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
    values = [
        value
        for value in np.flatnonzero(counts)
        if num_classes is not None and value >= num_classes and value != ignore_index
    ]
    if values:
        found = first_of([f'{v} ({counts[v]} pixels)' for v in values])
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


def _damage(data: bytes) -> str | None:
    """Describe the damage of a file's content; only JPEG and PNG are checked."""
    if not data:
        return 'is empty'
    if data.startswith(_JPEG):
        return None if _jpeg_ends(data) else _TRUNCATED
    if data.startswith(_PNG):
        return _png_damage(data)
    return None


def _jpeg_ends(data: bytes) -> bool:
    """Tell whether an end marker follows the last scan; other bytes may come after."""
    end, scan = b'\xff\xd9', b'\xff\xda'
    return data.endswith(end) or data.rfind(end) > data.rfind(scan)


def _png_damage(data: bytes) -> str | None:
    """Compare the checksums of all chunks, and describe the first damage."""
    view = memoryview(data)
    start, kind = len(_PNG), b''
    while kind != b'IEND':
        length = int.from_bytes(view[start : start + 4], 'big')
        kind = bytes(view[start + 4 : start + 8])
        end = start + 12 + length
        if end > len(data):
            return _TRUNCATED
        checksum = int.from_bytes(view[end - 4 : end], 'big')
        # Decoders ignore chunks with a name in lower case, such as comments.
        if kind[:1].isupper() and crc32(view[start + 4 : end - 4]) != checksum:
            return f'is damaged: the checksum of the data at byte {start} is wrong'
        start = end
    return None
