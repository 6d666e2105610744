"""A folder with a config and its checkpoint: write it, and find both in one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from torch import Tensor

from ..checkpoints.atomic_folder import new_folder
from ..checkpoints.safetensors import SUFFIX
from ..checkpoints.training_record import TRAININGS
from ..config_types import spell_out
from ..models.segmentors.init_checkpoints import without_inits

# Names of what tools/publish.py writes.
CONFIG, WEIGHTS, LABELS = 'config.py', 'model.safetensors', 'config.json'
CARD = 'README.md'
# What a run, and not a model, has.
_OF_RUNS = ('work_dir', 'launcher', 'load_from', 'resume')


@dataclass(frozen=True)
class Written:
    """Files that were written, and what they hold.

    Attributes:
        config: The config's file.
        checkpoint: The checkpoint's file.
        networks: Names of the networks in it; empty for an ordinary model.
        needs: Classes of this package that it needs.
        before: Number of parameters of the model it was taken out of.
        after: That of what was written.
        note: What else whoever uses it has to know.
    """

    config: Path
    checkpoint: Path
    networks: tuple[str, ...]
    needs: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    note: str = ''


def write_model(
    folder: str | Path,
    name: str,
    config: Config,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    trainings: Sequence[Mapping[str, Any]],
) -> tuple[Path, Path]:
    """Write ``<name>.py`` and ``<name>.pth`` into a new folder, both or none.

    Args:
        folder: The folder.
        name: Of the files.
        config: A whole config; it is changed.
        weights: The weights by name.
        meta: ``meta`` of the checkpoint that they come from; what it says of the
            dataset is kept.
        trainings: Those that the weights come from.

    Returns:
        The config's and the checkpoint's path.

    Raises:
        FileExistsError: If the folder is there and has something in it.
    """
    make_standalone(config)
    kept = {k: meta[k] for k in ('dataset_meta', 'CLASSES', 'PALETTE') if k in meta}
    kept[TRAININGS] = list(trainings)
    with new_folder(folder) as part:
        config.dump(str(part / f'{name}.py'))
        torch.save(dict(meta=kept, state_dict=dict(weights)), part / f'{name}.pth')
    return Path(folder) / f'{name}.py', Path(folder) / f'{name}.pth'


def make_standalone(config: Config) -> None:
    """Leave out of a whole config what its checkpoint or another run has.

    The checkpoint has all weights: files that networks or backbones started from are
    needed no more.

    Args:
        config: The config, which is changed.
    """
    for key in _OF_RUNS:
        config.pop(key, None)
    config._cfg_dict.update(spell_out(config._cfg_dict))
    before = set(_strings(config.model))
    config.model = ConfigDict(without_inits(config.model))
    # Variables of the file that name nothing else.
    files = before - set(_strings(config.model))
    for key, value in list(config.items()):
        if isinstance(value, str) and value in files:
            config.pop(key)


def _strings(value: Any) -> Iterator[str]:
    """All strings of a nested config."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def find_model(text: str) -> tuple[str, str]:
    """The config and the checkpoint of a trained model.

    Args:
        text: ``CONFIG,CHECKPOINT``, or as for :func:`model_files`.
    """
    config, comma, checkpoint = text.partition(',')
    return (config, checkpoint) if comma else model_files(text)


def model_files(path: str | Path) -> tuple[str, str]:
    """The config and the checkpoint in a folder.

    Args:
        path: A folder that has one config, such as a work dir, or what a tool of this
            package has written; or a checkpoint in such a folder. Of several
            checkpoints in a folder the best one counts, otherwise the last.

    Raises:
        FileNotFoundError: If something is missing.
        ValueError: If there are several, or the path is a config.
    """
    path = Path(path)
    published = path / CONFIG, path / WEIGHTS
    if all(file.is_file() for file in published):
        if (path / CARD).is_file() and not (path / LABELS).is_file():
            raise FileNotFoundError(
                f'{path}: there is no {LABELS} in it, which tools/publish.py writes '
                'beside the others; copy the whole folder'
            )
        return str(published[0]), str(published[1])
    if not path.exists():
        raise FileNotFoundError(
            f'{path}: there is no such file or folder; expected a folder with a config '
            'and a checkpoint, such as a work dir, or both files'
        )
    if path.is_file() and path.suffix == '.py':
        raise ValueError(
            f'{path}: found a config alone, expected its checkpoint, too, or a '
            'folder with both'
        )
    folder = path if path.is_dir() else path.parent
    configs = sorted(folder.glob('*.py'))
    if len(configs) != 1:
        raise _wrong(folder, 'config (*.py)', configs)
    return str(configs[0]), str(_checkpoint(path) if path is folder else path)


def _checkpoint(folder: Path) -> Path:
    last = folder / 'last_checkpoint'
    found = [p for p in folder.iterdir() if p.suffix in ('.pth', SUFFIX)]
    best = sorted(p for p in found if p.name.startswith('best_'))
    if not best and last.is_file():
        best = [p for p in found if p.name == Path(last.read_text().strip()).name]
    chosen = best or sorted(found)
    if len(chosen) != 1:
        raise _wrong(folder, f'checkpoint (*.pth, *{SUFFIX})', chosen)
    return chosen[0]


def _wrong(folder: Path, what: str, found: list[Path]) -> Exception:
    expected = f'expected one {what}; or name the config and the checkpoint'
    if not found:
        return FileNotFoundError(f'{folder}: there is no {what} in it; {expected}')
    names = ', '.join(path.name for path in found)
    return ValueError(f'{folder}: found {names}, {expected}')
