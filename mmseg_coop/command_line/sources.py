"""List images to predict: files, folders, globs, videos and cameras."""

import glob
from collections import ChainMap
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..datasets.convert import list_files

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
        FileNotFoundError: If there is no image or video.
    """

    def __init__(self, sources: Sequence[str]):
        found = [pair for source in sources for pair in _expand(source)]
        self._paths: dict[str, Path] = {}
        # Those of images, which no video may be named like, as its frames are in one.
        folders = {
            str(folder): path
            for path, name in found
            if is_image(path)
            for folder in Path(name).parents
        }
        for path, name in found:
            used = self._paths if is_image(path) else ChainMap(self._paths, folders)
            self._paths[_unused(name, used)] = path
        images = list(map(is_image, self._paths.values()))
        self.count = len(images) if all(images) else None

    def __iter__(self) -> Iterator[Frame]:
        for name, path in self._paths.items():
            if is_image(path):
                yield Frame(name, str(path), str(path))
            else:
                yield from _capture(name, str(path))


def is_image(path: Path) -> bool:
    """Tell whether a file's name is that of an image."""
    return path.suffix.lower() in IMAGES


def _expand(source: str) -> list[tuple[Path, str]]:
    """List the files of a source with the names of their results."""
    path = Path(source)
    if source.isdigit() and not path.exists():
        return [(path, f'camera_{source}')]
    folder = path if source and path.is_dir() else None
    if folder:
        found = list_files(folder)
    else:
        names = [source] if path.is_file() else glob.glob(source, recursive=True)
        found = filter(Path.is_file, map(Path, names))
    files = sorted(file for file in found if file.suffix.lower() in (*IMAGES, *VIDEOS))
    if not files:
        raise FileNotFoundError(
            f'SOURCE: found no image or video {source!r}, expected a file '
            f'({", ".join((*IMAGES, *VIDEOS))}), a folder or glob with some, or the '
            'index of a camera'
        )
    names = [file.relative_to(folder) if folder else Path(file.name) for file in files]
    return [
        (f, str(name.with_suffix(''))) for f, name in zip(files, names, strict=True)
    ]


def _unused(name: str, used: Container[str]) -> str:
    """Number a name that occurs again (a.jpg and a.png, b/a.jpg and c/a.jpg)."""
    number, candidate = 1, name
    while candidate in used:
        number += 1
        candidate = f'{name}_{number}'
    return candidate


def _capture(name: str, source: str) -> Iterator[Frame]:
    """Read frames of a video or camera; one with its name if it can't be opened."""
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    rate = capture.get(cv2.CAP_PROP_FPS) or None
    read, image = capture.read()
    if not read:
        yield Frame(name, source, source)
    number = 0
    while read:
        yield Frame(f'{name}/{number:06d}', image, source, rate)
        read, image = capture.read()
        number += 1
