"""Test a model with its connections switched off, and keep the best of them."""

import copy
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..analysis.graph import draw_graph
from ..analysis.knock_out import (
    ALL,
    NONE,
    KnockOut,
    best_targets,
    key_of_test,
    knock_out,
    knock_out_table,
    measure_iou,
    target_flops,
)
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.training_record import TRAININGS, trainings_of
from ..datasets import check_dataset_folders
from ..models.checkpoint_weights import check_state_dict
from ..models.plan import SiteRef, restrict
from ..plot_style import save
from .model_folder import make_standalone


def knock_out_checkpoint(
    model: nn.Module,
    config: Config,
    meta: Mapping[str, Any],
    out: Path,
    keep: int | None = None,
) -> str:
    """Test a model with each of its connections switched off.

    Writes ``knock_out.json`` (from which a second start continues) and
    ``knock_out.png``; with ``keep`` also ``kept.py`` and ``kept.pth``, the config and
    checkpoint of a model with the best ``keep`` targets.

    Returns:
        A table.

    Raises:
        FileNotFoundError: If the test data are missing.
        ValueError: If nothing is connected, or fewer than ``keep``.
    """
    check_dataset_folders(dict(test_dataloader=config.test_dataloader))
    targets = len(model.plan.incoming)
    if keep is not None and not 1 <= keep <= targets:
        raise ValueError(
            f'--keep: found {keep}, expected 1 to {targets}, the number of targets'
        )
    loader = Runner.build_dataloader(copy.deepcopy(config.test_dataloader))
    # ``off`` tells results from those of old versions, which gave connectors zeros.
    tested = dict(config=config.model, data=config.test_dataloader, off='no connector')
    key = key_of_test(model, **tested)
    file = out / 'knock_out.json'
    found = knock_out(model, loader, file, key, track)
    save(draw_graph(model, _notes(found)), out / 'knock_out.png')
    if keep is not None:
        refs = best_targets(found, keep)
        found.append(_keep(model, config, refs, loader, out, found, meta))
    return knock_out_table(found, loader.dataset.metainfo['classes'])


def _notes(found: Sequence[KnockOut]) -> dict[str, str]:
    """Label each target with the change of mIoU without it."""
    whole = next(row.miou for row in found if row.name == NONE)
    return {
        row.targets[0]: f'without: {row.miou - whole:+.2f} mIoU'
        for row in found
        if len(row.targets) == 1
    }


def _keep(
    model: nn.Module,
    config: Config,
    refs: Sequence[SiteRef],
    loader: DataLoader,
    out: Path,
    found: Sequence[KnockOut],
    meta: Mapping[str, Any],
) -> KnockOut:
    """Write the model that has only some of the targets, and test it."""
    entries, names = restrict(model.plan.connections, refs)
    kept = copy.deepcopy(config)
    make_standalone(kept)
    # Popped first: a list can't be merged into the dict of a pattern.
    kept.model.pop('connections', None)
    kept.model.connections = entries
    weights = kept_weights(model.state_dict(), names)
    smaller = MODELS.build(copy.deepcopy(kept.model))
    check_state_dict(smaller, weights, 'kept.pth')
    smaller.load_state_dict(weights)
    left_out = tuple(
        str(ref) for ref in model.plan.incoming if ref not in smaller.plan.incoming
    )
    flops = sum(row.flops for row in found if row.name == ALL) - sum(
        target_flops(smaller, loader).values()
    )
    values = tuple(measure_iou(smaller, loader))
    data = BytesIO()
    classes = list(loader.dataset.metainfo['classes'])
    record = {'dataset_meta': dict(classes=classes), TRAININGS: trainings_of(meta)}
    torch.save(dict(state_dict=weights, meta=record), data)
    AtomicBackend().put(data.getvalue(), out / 'kept.pth')
    AtomicBackend().put_text(kept.pretty_text, out / 'kept.py')
    return KnockOut('kept.py', left_out, flops, values)


def kept_weights(
    weights: dict[str, Tensor], names: dict[str, str]
) -> dict[str, Tensor]:
    """Select the weights of the networks and of the plan's modules that are kept.

    Args:
        weights: Weights of the whole model.
        names: New name of each kept module of the plan, by its old name.
    """
    kept = {}
    for key, value in weights.items():
        module = '.'.join(key.split('.')[:3])
        if not key.startswith('plan.'):
            kept[key] = value
        elif module in names:
            kept[f'{names[module]}{key.removeprefix(module)}'] = value
    return kept
