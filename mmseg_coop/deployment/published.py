"""Folders that hold a model with all that predicting takes."""

from pathlib import Path

CONFIG, WEIGHTS, CARD, LABELS = (
    'config.py',
    'model.safetensors',
    'README.md',
    'config.json',
)


def published_files(folder: str | Path) -> tuple[str, str]:
    """The config and the weights of a folder that ``tools/publish.py`` has written.

    Raises:
        FileNotFoundError: If one of them is missing.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f'{folder}: there is no {name}; expected a folder that '
                'tools/publish.py has written'
            )
    return str(folder / CONFIG), str(folder / WEIGHTS)
