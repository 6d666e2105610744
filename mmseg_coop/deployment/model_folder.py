"""Write a folder with a config and its checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from torch import Tensor

from ..checkpoints.atomic_folder import new_folder
from ..checkpoints.training_record import TRAININGS
from ..config_types import spell_out
from ..models.segmentors.init_checkpoints import without_inits

# Config keys of a run, which are removed.
_OF_RUNS = ('work_dir', 'launcher', 'load_from', 'resume')


@dataclass(frozen=True)
class Written:
    """Files of a written model, and its description.

    Attributes:
        config: The config's file.
        checkpoint: The checkpoint's file.
        networks: Names of its networks; empty for an ordinary model.
        needs: Classes of this package that it needs.
        before: Number of parameters of the model that it was split off.
        after: Number of its parameters.
        note: Further text for users.
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
        name: Name of the files.
        config: A whole config; it is changed.
        weights: The weights by name.
        meta: ``meta`` of the checkpoint that they come from; its classes and palette
            are kept.
        trainings: Training runs that the weights come from.

    Returns:
        The config's and the checkpoint's path.

    Raises:
        FileExistsError: If the folder is not empty.
    """
    make_standalone(config)
    kept = {k: meta[k] for k in ('dataset_meta', 'CLASSES', 'PALETTE') if k in meta}
    kept[TRAININGS] = list(trainings)
    with new_folder(folder) as part:
        config.dump(str(part / f'{name}.py'))
        torch.save(dict(meta=kept, state_dict=dict(weights)), part / f'{name}.pth')
    return Path(folder) / f'{name}.py', Path(folder) / f'{name}.pth'


def make_standalone(config: Config) -> None:
    """Remove a run's keys and the paths of initial weights from a whole config.

    The model's checkpoint has all weights, so that the files that networks or backbones
    started from are no longer needed.

    Args:
        config: The config, which is changed.
    """
    for key in _OF_RUNS:
        config.pop(key, None)
    config._cfg_dict.update(spell_out(config._cfg_dict))
    before = set(_strings(config.model))
    config.model = ConfigDict(without_inits(config.model))
    # Also variables of the file with such a path.
    files = before - set(_strings(config.model))
    for key, value in list(config.items()):
        if isinstance(value, str) and value in files:
            config.pop(key)


def _strings(value: Any) -> Iterator[str]:
    """List all strings of a nested config."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
