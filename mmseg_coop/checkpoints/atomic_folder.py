"""Folders that are complete or not there at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .atomic_backend import SUFFIX


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder under another name beside it; it gets its own when all is there.

    Raises:
        FileExistsError: If there is something under this name.
    """
    target = Path(path).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f'{path} is there already; expected a new folder')
    part = target.with_name(f'.{target.name}.{uuid.uuid4().hex[:8]}{SUFFIX}')
    part.mkdir(parents=True)
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
