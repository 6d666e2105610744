"""Write folders atomically."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .atomic_backend import INCOMPLETE


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Create a temporary folder to fill, and rename it at the end.

    Raises:
        FileExistsError: If there is a file or a folder that is not empty.
    """
    target = Path(path).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f'{path} is there already; expected a new folder')
    part = target.with_name(f'.{target.name}.{uuid.uuid4().hex[:8]}{INCOMPLETE}')
    part.mkdir(parents=True)
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
