"""Write local files and folders atomically."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

_INCOMPLETE = '.incomplete'


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """MMEngine's ``LocalBackend`` that writes atomically: no file is ever incomplete.

    It writes to a temporary file in the same folder, flushes it to the disk, and
    renames it. ``SafeCheckpointHook`` uses it, and so does everything in MMEngine that
    is given ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes, and create the folder if needed.

        Raises:
            OSError: If there is no room or no permission. An existing file stays as it
                was.
        """
        # A link stays a link.
        path = Path(os.path.realpath(filepath))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _temporary(path)
        try:
            with open(part, 'xb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(
                f'{filepath} can not be written ({error.strerror}); files written '
                'before are intact'
            ) from error

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text as ``put`` writes bytes."""
        self.put(obj.encode(encoding), filepath)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Create a temporary folder to fill, and rename it at the end.

    Raises:
        FileExistsError: If there is a file or a folder that is not empty.
    """
    target = Path(path).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f'{path} is there already; expected a new folder')
    part = _temporary(target)
    part.mkdir(parents=True)
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def remove_incomplete(folder: str | Path) -> None:
    """Remove the temporary files of processes that were killed while writing."""
    for part in Path(folder).glob(f'.*{_INCOMPLETE}'):
        # Folders are those of tools/publish.py and others.
        if part.is_file():
            part.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}{_INCOMPLETE}')
