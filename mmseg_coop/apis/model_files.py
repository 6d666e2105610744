"""Find the config and the checkpoint of a trained model."""

from pathlib import Path

from ..checkpoints.resume import last_checkpoint
from ..checkpoints.safetensors import SUFFIX

# Files that tools/publish.py writes.
CONFIG, WEIGHTS, LABELS = 'config.py', 'model.safetensors', 'config.json'


def find_model(text: str) -> tuple[str, str]:
    """Find the config and the checkpoint of a trained model.

    Args:
        text: ``CONFIG,CHECKPOINT``, or a path as for :func:`model_files`.
    """
    config, comma, checkpoint = text.partition(',')
    return (config, checkpoint) if comma else model_files(text)


def model_files(path: str | Path) -> tuple[str, str]:
    """Find the config and the checkpoint in a folder.

    Args:
        path: A folder with one config, such as a work dir or a folder that a tool of
            this package has written; or a checkpoint in such a folder. Of several
            checkpoints in a folder the best one is taken, otherwise the last.

    Raises:
        FileNotFoundError: If something is missing.
        ValueError: If there are several.
    """
    path = Path(path)
    published = path / CONFIG, path / WEIGHTS
    if all(file.is_file() for file in published):
        return str(published[0]), str(published[1])
    if not path.exists():
        raise FileNotFoundError(
            f'{path}: there is no such file or folder; expected a folder with a config '
            'and a checkpoint, such as a work dir, or both files'
        )
    folder = path if path.is_dir() else path.parent
    configs = sorted(folder.glob('*.py'))
    # tools/test.py --tta leaves a second one beside that of training.
    augmented = {path.with_stem(f'{path.stem}_tta') for path in configs}
    configs = [path for path in configs if path not in augmented]
    if len(configs) != 1:
        raise _wrong(folder, 'config (*.py)', configs)
    return str(configs[0]), str(_checkpoint(path) if path is folder else path)


def _checkpoint(folder: Path) -> Path:
    found = [p for p in folder.iterdir() if p.suffix in ('.pth', SUFFIX)]
    best = sorted(p for p in found if p.name.startswith('best_'))
    last = [p for p in found if p.name == last_checkpoint(folder)]
    chosen = best or last or sorted(found)
    if len(chosen) != 1:
        raise _wrong(folder, f'checkpoint (*.pth, *{SUFFIX})', chosen)
    return chosen[0]


def _wrong(folder: Path, what: str, found: list[Path]) -> Exception:
    expected = f'expected one {what}; or name the config and the checkpoint'
    if not found:
        return FileNotFoundError(f'{folder}: there is no {what} in it; {expected}')
    names = ', '.join(path.name for path in found)
    return ValueError(f'{folder}: found {names}, {expected}')
