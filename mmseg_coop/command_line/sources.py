"""List images to predict: files, folders, globs, videos and cameras."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')


@dataclass(frozen=True)
class Frame:
    """An image to predict.

    Attributes:
        name: Name of its results: a path without suffix, unique in a run.
        image: An image's file, or a frame of a video or camera, (H, W, 3) in BGR,
            uint8; the name of a video or camera that can't be opened.
        source: The file or camera.
        rate: Frames per second of a video, or None.
    """

    name: str
    image: str | np.ndarray
    source: str
    rate: float | None = None


class Sources:
    """Frames of several sources, in order.

    Args:
        sources: Image or video files, folders (searched with their subfolders), globs,
            or the index of a camera.

    Attributes:
        count: Number of frames; None if a video or camera is among them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a folder or glob has no images, or a file is neither.
    """

    def __init__(self, sources: Sequence[str]):
        found = [item for source in sources for item in _expand(source)]
        paths = [path for path, _ in found]
        names = _unique([name for _, name in found])
        self._items = list(zip(names, paths, strict=True))
        images = [path.suffix.lower() in IMAGES for path in paths]
        self.count = len(images) if all(images) else None

    def __iter__(self) -> Iterator[Frame]:
        for name, path in self._items:
            if path.suffix.lower() in IMAGES:
                yield Frame(name, str(path), str(path))
            else:
                yield from _capture(name, path)


def _expand(source: str) -> list[tuple[Path, str]]:
    """List the files of a source with the names of their results."""
    if not source:
        raise ValueError("SOURCE: found '', expected a file, folder, glob or number")
    path = Path(source)
    if source.isdigit() and not path.exists():
        return [(path, f'camera_{source}')]
    if path.is_dir():
        files = [file for file in sorted(path.rglob('*')) if _is_known(file)]
        if not files:
            raise ValueError(f'{source}: no images or videos in this folder')
        return [(file, str(file.relative_to(path).with_suffix(''))) for file in files]
    if path.is_file():
        if not _is_known(path):
            raise ValueError(
                f'{source}: found suffix {path.suffix!r}, expected an image '
                f'({", ".join(IMAGES)}) or a video ({", ".join(VIDEOS)})'
            )
        return [(path, path.stem)]
    files = [Path(file) for file in sorted(glob.glob(source, recursive=True))]
    files = [file for file in files if _is_known(file)]
    if not files:
        raise FileNotFoundError(
            f'{source}: there is no such file or folder, nor do images match it'
        )
    return [(file, file.stem) for file in files]


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in (*IMAGES, *VIDEOS)


def _unique(names: Sequence[str]) -> list[str]:
    """Number names that occur again (a.jpg and a.png, b/a.jpg and c/a.jpg)."""
    used: set[str] = set()
    result = []
    for name in names:
        number, candidate = 1, name
        while candidate in used:
            number += 1
            candidate = f'{name}_{number}'
        used.add(candidate)
        result.append(candidate)
    return result


def _capture(name: str, path: Path) -> Iterator[Frame]:
    """Read frames of a video or camera; one with its name if it can't be opened."""
    source = str(path)
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS) or None
        number = 0
        while True:
            read, image = capture.read()
            if not read:
                break
            yield Frame(f'{name}/{number:06d}', image, source, rate)
            number += 1
        if not number:
            yield Frame(name, source, source)
    finally:
        capture.release()
