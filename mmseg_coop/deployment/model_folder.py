"""Write a folder with a config and its checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from ..checkpoints.atomic_backend import new_folder
from ..checkpoints.training_record import TRAINING_RUNS
from ..config_types import spell_out
from ..models.segmentors.init_checkpoints import without_inits

# Config keys of a run, which are removed.
_OF_RUNS = ('work_dir', 'launcher', 'load_from', 'resume')


def write_model(
    folder: str | Path,
    name: str,
    config: Config,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    training_runs: Sequence[Mapping[str, Any]],
) -> str:
    """Write ``<name>.py`` and ``<name>.pth`` into a new folder, both or none.

    Args:
        folder: The folder.
        name: Name of the files.
        config: A whole config.
        weights: The weights by name.
        meta: ``meta`` of the checkpoint that they come from; its classes and palette
            are kept.
        training_runs: Training runs that the weights come from.

    Returns:
        A text that names the files.

    Raises:
        FileExistsError: If the folder is not empty.
    """
    kept = {k: meta[k] for k in ('dataset_meta', 'CLASSES', 'PALETTE') if k in meta}
    kept[TRAINING_RUNS] = list(training_runs)
    with new_folder(folder) as part:
        config.dump(str(part / f'{name}.py'))
        torch.save(dict(meta=kept, state_dict=dict(weights)), part / f'{name}.pth')
    path = Path(folder) / name
    return f'Written: {path}.py\n         {path}.pth'


def make_standalone(config: Config) -> None:
    """Remove a run's keys and the checkpoints that training began from from a config.

    Args:
        config: A whole config, which is changed.
    """
    for key in _OF_RUNS:
        config.pop(key, None)
    config._cfg_dict.update(spell_out(config._cfg_dict))
    config.model = without_inits(config.model)
