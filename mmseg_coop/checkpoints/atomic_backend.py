"""Write local files atomically."""

import os
import uuid
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
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(
                f'{filepath} can not be written ({error.strerror}); files written '
                'before are intact'
            ) from error

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text as ``put`` writes bytes."""
        self.put(obj.encode(encoding), filepath)


def remove_incomplete(folder: str | Path) -> None:
    """Remove the temporary files of processes that were killed while writing."""
    for part in Path(folder).glob(f'.*{INCOMPLETE}'):
        # Folders are those of tools/publish.py and others.
        if part.is_file():
            part.unlink(missing_ok=True)
