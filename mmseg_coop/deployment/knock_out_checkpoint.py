"""Test a model with its connections switched off, and keep the best of them."""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from torch import nn
from torch.utils.data import DataLoader

from ..analysis.graph import draw_graph
from ..analysis.knock_out import (
    NONE,
    KnockOut,
    choices,
    knock_out_table,
    measure_iou,
    module_flops,
    saved_flops,
)
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.fingerprint import fingerprint
from ..checkpoints.training_record import TRAINING_RUNS, training_runs_of
from ..config_types import dicts_in, is_type
from ..datasets import check_dataset_folders
from ..models.mean_of_probabilities import MEAN
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
        ValueError: If nothing is connected to the selected prediction, fewer targets
            than ``keep`` are, or ``knock_out.json`` has other content.
    """
    check_dataset_folders(dict(test_dataloader=config.test_dataloader))
    _check_connected(model, keep)
    loader = Runner.build_dataloader(copy.deepcopy(config.test_dataloader))
    found = _test_all(model, config, loader, out / 'knock_out.json')
    whole = next(row.miou for row in found if row.name == NONE)
    single = {row.targets[0]: row.miou for row in found if len(row.targets) == 1}
    notes = {x: f'without: {miou - whole:+.2f} mIoU' for x, miou in single.items()}
    save(draw_graph(model, notes), out / 'knock_out.png')
    if keep is not None:
        best = sorted(single, key=single.get)[:keep]
        found.append(_keep(model, config, best, loader, out, meta))
    return knock_out_table(found, loader.dataset.metainfo['classes'])


def _check_connected(model: nn.Module, keep: int | None) -> None:
    plan = model.plan
    fed = [name for name in plan.networks if plan.demand(name).fused]
    if not fed:
        raise ValueError('--knock-out: the networks of the model are not connected')
    if model.predict_with not in (*fed, MEAN):
        raise ValueError(
            f'--knock-out: the model predicts with {model.predict_with}, which '
            'receives nothing, so that no connection changes what it predicts; '
            f'expected --cfg-options model.test_cfg.predict={fed[-1]} or {MEAN}'
        )
    if keep is not None and not 1 <= keep <= len(plan.incoming):
        raise ValueError(
            f'--keep: found {keep}, expected 1 to {len(plan.incoming)}, the number of '
            'targets'
        )


def _test_all(
    model: nn.Module, config: Config, loader: DataLoader, file: Path
) -> list[KnockOut]:
    """Test each choice, and write its result at once, unless the file has it."""
    weights = fingerprint(model.state_dict())
    ignored = _ignored(config, model)
    tested = repr((weights, config.model, config.test_dataloader, ignored))
    key = hashlib.sha256(tested.encode()).hexdigest()
    found = _read(file, key) if file.is_file() else {}
    classes = list(loader.dataset.metainfo['classes'])
    flops = module_flops(model, loader)
    named = choices(model.plan)
    for i, (name, targets) in enumerate(named.items(), 1):
        if name in found:
            continue
        with model.plan.without(targets):
            text = f'{i}/{len(named)} without {name}'
            iou = measure_iou(model, loader, ignored, text)
        saved = saved_flops(model.plan, targets, flops)
        found[name] = KnockOut(name, targets, saved, iou)
        rows = [asdict(row) for row in found.values()]
        text = json.dumps(dict(key=key, classes=classes, rows=rows), indent=2)
        AtomicBackend().put_text(f'{text}\n', file)
    return [found[name] for name in named]


def _ignored(config: Config, model: nn.Module) -> int:
    """The label that the test ignores; without an IoUMetric that of the losses."""
    for _, metric in dicts_in(config.get('test_evaluator')):
        if is_type(metric, IoUMetric, METRICS):
            return metric.get('ignore_index', 255)
    return model.decode_head.ignore_index


def _read(file: Path, key: str) -> dict[str, KnockOut]:
    """Read results by name; none if they are of another model or other data."""
    try:
        content = json.loads(file.read_text())
        rows = content['rows'] if content['key'] == key else []
        return {row['name']: KnockOut(**row) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{file}: expected what --knock-out has written ({error}); delete it to '
            'test all connections again'
        ) from error


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
    # The default depends on the connections.
    test_cfg = kept.model.get('test_cfg') or {}
    kept.model.test_cfg = {**test_cfg, 'predict': model.predict_with}
    smaller = build_smaller(kept.model, model.state_dict(), names)
    left_out = [str(ref) for ref in model.plan.incoming if ref not in refs]
    flops = saved_flops(model.plan, left_out, module_flops(model, loader))
    values = measure_iou(smaller, loader, _ignored(config, model), 'kept.py')
    data = BytesIO()
    info = loader.dataset.metainfo
    dataset_meta = {key: info.get(key) for key in ('classes', 'palette')}
    record = {'dataset_meta': dataset_meta, TRAINING_RUNS: training_runs_of(meta)}
    torch.save(dict(state_dict=smaller.state_dict(), meta=record), data)
    AtomicBackend().put(data.getvalue(), out / 'kept.pth')
    AtomicBackend().put_text(kept.pretty_text, out / 'kept.py')
    return KnockOut('kept.py', left_out, flops, values)
