"""Knock-out: test a model with each of its connections switched off."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.fingerprint import fingerprint
from ..eval_mode import eval_mode
from ..evaluation.results import iou
from ..models.plan import Plan, SiteRef
from ..models.segmentors.combine import MEAN

NONE, ALL = 'nothing', 'everything'


@dataclass(frozen=True)
class KnockOut:
    """Result of a model with some connections switched off.

    Attributes:
        name: A target (``bottom.backbone.layer1``), a connection of several targets, a
            site of several networks, ``nothing`` or ``everything``.
        targets: The target sites whose connections are switched off.
        flops: FLOPs of an image that this saves in connectors and aggregations.
        classes: IoU of each class in percent.
    """

    name: str
    targets: tuple[str, ...]
    flops: int
    classes: tuple[float, ...]

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that occur, in percent."""
        return float(np.nanmean(self.classes))


def choices(plan: Plan) -> dict[str, tuple[str, ...]]:
    """List the sets of targets to switch off: none, each, all, and shared ones.

    Shared are the targets of a connection, and those of a site in several networks.
    Equal sets are listed once.
    """
    every = tuple(map(str, plan.incoming))
    found = {NONE: (), **{target: (target,) for target in every}, ALL: every}
    for connection in plan.connections:
        if len(connection.targets) > 1:
            found[str(connection)] = tuple(map(str, connection.targets))
    for site in dict.fromkeys(ref.site for ref in plan.incoming):
        at_site = tuple(str(ref) for ref in plan.incoming if ref.site == site)
        if len(at_site) > 1:
            found[f'*.{site}'] = at_site
    return _without_repeats(found)


def _without_repeats(found: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    kept: dict[frozenset[str], str] = {}
    for name, targets in found.items():
        kept.setdefault(frozenset(targets), name)
    return {name: found[name] for name in kept.values()}


def knock_out(
    model: nn.Module,
    loader: DataLoader,
    file: Path,
    key: str = '',
    track: Callable[[Iterable, str], Iterable] = lambda items, _: items,
) -> list[KnockOut]:
    """Test a model with each of its connections switched off.

    Each result is written to the file at once; results that are in it are not computed
    again.

    Args:
        model: A ``CooperativeEncoderDecoder``.
        loader: The test data, with labels.
        file: JSON of the results.
        key: Key of model and data; results with another key are computed again.
        track: Wraps batches with a description to show progress.

    Raises:
        ValueError: If nothing is connected, or the file holds something else.
    """
    _check_reached(model)
    classes = list(loader.dataset.metainfo['classes'])
    named = choices(model.plan)
    costs = target_flops(model, loader)
    kept = _read(file, key)
    for i, (name, targets) in enumerate(named.items()):
        if name in kept:
            continue
        text = f'{i + 1}/{len(named)} without {name}'
        with model.plan.without(targets):
            values = measure_iou(model, track(loader, text))
        flops = _saved(model.plan, targets, costs)
        kept[name] = KnockOut(name, targets, flops, tuple(values))
        _write(file, key, classes, kept.values())
    return [kept[name] for name in named]


def _check_reached(model: nn.Module) -> None:
    plan, predicting = model.plan, model.predict_with
    if not plan.connections:
        raise ValueError('--knock-out: the networks of the model are not connected')
    fed = [name for name in plan.networks if plan.demand(name).fused]
    if predicting not in (*fed, MEAN):
        raise ValueError(
            f'--knock-out: the model predicts with {predicting}, which receives '
            f'nothing, so that no connection changes what it predicts; expected '
            f'{", ".join(fed)} or {MEAN}, as in --cfg-options '
            f'model.test_cfg.predict={fed[-1]}'
        )


@torch.no_grad()
def measure_iou(model: nn.Module, batches: Iterable) -> np.ndarray:
    """Compute IoU of each class in percent, (C,), as ``IoUMetric`` does."""
    num_classes = model.num_classes
    total = np.zeros((3, num_classes))
    ignored = model.decode_head.ignore_index
    with eval_mode(model):
        for batch in batches:
            for sample in model.test_step(batch):
                label = sample.gt_sem_seg.data.squeeze().cpu()
                found = sample.pred_sem_seg.data.squeeze().cpu()
                both, _, predicted, labelled = IoUMetric.intersect_and_union(
                    found, label, num_classes, ignored
                )
                total += torch.stack([both, predicted, labelled]).numpy()
    return iou(total)


@torch.no_grad()
def target_flops(model: nn.Module, loader: DataLoader) -> dict[str, int]:
    """Count FLOPs of each connector and aggregation for an image, by module's name."""
    counts: dict[str, int] = {}
    handles = []
    item = model.data_preprocessor(loader.collate_fn([loader.dataset[0]]), False)
    size = item['inputs'].shape[2:]
    metas = [dict(img_shape=size, ori_shape=size, pad_shape=size)]
    with FlopCounterMode(display=False) as counter, eval_mode(model):

        def count(name: str, module: nn.Module) -> None:
            def start(*_) -> None:
                counts[name] = -counter.get_total_flops()

            def stop(*_) -> None:
                counts[name] += counter.get_total_flops()

            handles.append(module.register_forward_pre_hook(start))
            handles.append(module.register_forward_hook(stop))

        for connection in model.plan.connections:
            for name in (module.name for module in connection.modules):
                count(name, model.get_submodule(name))
        try:
            model.encode_decode(item['inputs'], metas)
        finally:
            for handle in handles:
                handle.remove()
    return counts


def _saved(plan: Plan, targets: Sequence[str], costs: dict[str, int]) -> int:
    """Sum the FLOPs that are saved without connections to some targets."""
    refs = {ref for ref in plan.incoming if str(ref) in targets}
    idle = (
        module.name
        for connection in plan.connections
        for module in connection.modules
        if refs.issuperset(
            connection.targets if module.kind == 'aggregations' else [module.target]
        )
    )
    return sum(costs.get(name, 0) for name in idle)


def best_targets(found: Sequence[KnockOut], count: int) -> list[SiteRef]:
    """Select the targets without which mIoU is lowest, at most ``count``."""
    alone = [row for row in found if len(row.targets) == 1]
    alone.sort(key=lambda row: row.miou)
    return [SiteRef.parse(row.targets[0], '--keep') for row in alone[:count]]


def knock_out_table(found: Sequence[KnockOut], classes: Sequence[str]) -> str:
    """Format as a table: mIoU, its change, saved FLOPs and IoU of each class."""
    whole = next(row.miou for row in found if row.name == NONE)
    table = PrettyTable(['switched off', 'mIoU', 'change', 'MFLOPs', *classes])
    table.align['switched off'] = 'l'
    for row in found:
        values = [f'{value:.2f}' for value in row.classes]
        change = f'{row.miou - whole:+.2f}'
        flops = f'{row.flops / 1e6:.1f}'
        table.add_row([row.name, f'{row.miou:.2f}', change, flops, *values])
    return table.get_string()


def key_of_test(model: nn.Module, **options: object) -> str:
    """Compute the key of a test: a hash of the model's weights and of options."""
    tested = (fingerprint(model.state_dict()), sorted(options.items()))
    return hashlib.sha256(repr(tested).encode()).hexdigest()


def _read(file: Path, key: str) -> dict[str, KnockOut]:
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text())
        rows = [
            KnockOut(row['name'], tuple(row['targets']), row['flops'], row['classes'])
            for row in content['rows']
        ]
        return {row.name: row for row in rows} if content['key'] == key else {}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{file}: expected what --knock-out has written ({error}); delete it'
        ) from error


def _write(
    file: Path, key: str, classes: Sequence[str], rows: Iterable[KnockOut]
) -> None:
    content = dict(key=key, classes=classes, rows=[asdict(row) for row in rows])
    AtomicBackend().put_text(json.dumps(content, indent=2) + '\n', file)
