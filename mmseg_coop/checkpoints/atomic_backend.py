"""Local files that are complete or not there at all."""

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

SUFFIX = '.incomplete'


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """MMEngine's local files, of which a reader never sees a part.

    What is written goes to a temporary file in the same folder, to the disk, and only
    then under its name. ``SafeCheckpointHook`` writes with it, as does all of MMEngine
    that is given ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; folders are made as needed.

        Raises:
            OSError: If there is no room or no permission. A file that was there under
                this name is as before.
        """
        # A link stays a link.
        path = Path(os.path.realpath(filepath))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}{SUFFIX}')
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
        """Write text; as ``put``."""
        self.put(obj.encode(encoding), filepath)


def remove_incomplete(folder: str | Path) -> None:
    """Remove what processes that were killed while writing have left in a folder."""
    for part in Path(folder).glob(f'.*{SUFFIX}'):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have a file's new name on the disk, too."""
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
