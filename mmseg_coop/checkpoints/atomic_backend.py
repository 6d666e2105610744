"""Write local files atomically."""

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

INCOMPLETE = '.incomplete'


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
        part = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}{INCOMPLETE}')
        try:
            with open(part, 'xb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            _sync_folder(path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(_reason(filepath, len(obj), error)) from error

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text as ``put`` writes bytes."""
        self.put(obj.encode(encoding), filepath)


def remove_incomplete(folder: str | Path) -> None:
    """Remove the temporary files of processes that were killed while writing."""
    for part in Path(folder).glob(f'.*{INCOMPLETE}'):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Flush the new name of a file to the disk."""
    # Windows and some network file systems can't.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(path: str | Path, size: int, error: OSError) -> str:
    free = shutil.disk_usage(Path(os.path.realpath(path)).parent).free
    return (
        f'{path} can not be written ({error.strerror}): it needs {size / 1e6:.1f} MB, '
        f'{free / 1e6:.1f} MB are free. Files written before are intact'
    )
