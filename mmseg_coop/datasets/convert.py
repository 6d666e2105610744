"""Functions that the dataset converters share."""

import io
import os
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np
from mmengine.utils import track_parallel_progress
from PIL import Image

from ..checkpoints.atomic_backend import AtomicBackend

VOID = 255


def convert_files(
    read: Callable[[Path], np.ndarray],
    pairs: Sequence[tuple[Path, Path]],
    nproc: int = 1,
) -> None:
    """Convert images or labels in processes, and write them atomically.

    Args:
        read: Reads a source: an image (H, W, 3) in RGB, or a label map (H, W), of 8
            bits.
        pairs: Sources and destinations, ``.jpg`` or ``.png``.
        nproc: Number of processes.

    Raises:
        ValueError: Names a file that can't be converted.
    """
    track_parallel_progress(partial(_convert, read), list(pairs), nproc)
    print()


def _convert(read: Callable[[Path], np.ndarray], pair: tuple[Path, Path]) -> None:
    source, target = pair
    data = io.BytesIO()
    try:
        picture = Image.fromarray(read(source).astype(np.uint8))
        # PNG has no quality.
        picture.save(data, Image.registered_extensions()[target.suffix], quality=95)
        AtomicBackend().put(data.getvalue(), target)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f'{source} can not be converted ({error})') from None


def list_files(folder: Path) -> list[Path]:
    """List files of a folder and its subfolders, also linked ones."""
    found, seen = [], {os.path.realpath(folder)}
    for place, folders, names in os.walk(folder, followlinks=True):
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        # Each once: links may lead back.
        folders[:] = [name for name in sorted(folders) if real[name] not in seen]
        seen.update(real.values())
        found += [Path(place, name) for name in names]
    return found


def find_files(folder: Path, pattern: str, what: str) -> list[Path]:
    """List files of a folder and its subfolders, in order.

    Raises:
        FileNotFoundError: If there are none.
    """
    files = sorted(f for f in list_files(folder) if fnmatch(f.name, pattern))
    if not files:
        raise FileNotFoundError(f'{folder}: no {pattern} in it; expected {what} there')
    return files


def replace_values(label: np.ndarray, values: dict[int, int]) -> np.ndarray:
    """Replace each value of a label map (H, W); values not listed become void.

    Raises:
        ValueError: If it is no label map of 8 bits.
    """
    if label.ndim != 2 or not 0 <= label.min() <= label.max() <= 255:
        raise ValueError(
            f'found an array of shape {label.shape} with values from {label.min()} to '
            f'{label.max()}, expected one class for each pixel, (H, W), from 0 to 255'
        )
    table = np.full(256, VOID, np.uint8)
    table[list(values)] = list(values.values())
    return table[label]
