"""Test a model with its connections switched off, and keep the best of them."""

import copy
import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from ..analysis.graph import draw_graph
from ..analysis.knock_out import (
    NONE,
    KnockOut,
    knock_out,
    knock_out_table,
    measure_iou,
    module_flops,
    saved_flops,
)
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.fingerprint import fingerprint
from ..checkpoints.training_record import TRAININGS, trainings_of
from ..datasets import check_dataset_folders
from ..models.plan import restrict
from ..plot_style import save
from .model_folder import make_standalone
from .smaller_model import build_smaller


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
    weights = fingerprint(model.state_dict())
    tested = repr((weights, config.model, config.test_dataloader))
    key = hashlib.sha256(tested.encode()).hexdigest()
    found = knock_out(model, loader, out / 'knock_out.json', key)
    whole = next(row.miou for row in found if row.name == NONE)
    single = {row.targets[0]: row.miou for row in found if len(row.targets) == 1}
    notes = {x: f'without: {miou - whole:+.2f} mIoU' for x, miou in single.items()}
    save(draw_graph(model, notes), out / 'knock_out.png')
    if keep is not None:
        best = sorted(single, key=single.get)[:keep]
        found.append(_keep(model, config, best, loader, out, meta))
    return knock_out_table(found, loader.dataset.metainfo['classes'])


def _keep(
    model: nn.Module,
    config: Config,
    best: list[str],
    loader: DataLoader,
    out: Path,
    meta: Mapping[str, Any],
) -> KnockOut:
    """Write the model that has only some of the targets, and test it."""
    refs = [ref for ref in model.plan.incoming if str(ref) in best]
    entries, names = restrict(model.plan.connections, refs)
    kept = copy.deepcopy(config)
    make_standalone(kept)
    # Popped first: a list can't be merged into the dict of a pattern.
    kept.model.pop('connections', None)
    kept.model.connections = entries
    smaller = build_smaller(kept.model, model.state_dict(), names)
    left_out = [str(ref) for ref in model.plan.incoming if ref not in refs]
    flops = saved_flops(model.plan, left_out, module_flops(model, loader))
    values = measure_iou(smaller, loader, 'kept.py')
    data = BytesIO()
    classes = list(loader.dataset.metainfo['classes'])
    record = {'dataset_meta': dict(classes=classes), TRAININGS: trainings_of(meta)}
    torch.save(dict(state_dict=smaller.state_dict(), meta=record), data)
    AtomicBackend().put(data.getvalue(), out / 'kept.pth')
    AtomicBackend().put_text(kept.pretty_text, out / 'kept.py')
    return KnockOut('kept.py', left_out, flops, values)
