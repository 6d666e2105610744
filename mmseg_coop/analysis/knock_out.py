"""Knock-out: test a model with each of its connections switched off."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader

from ..cost.flops import count_flops
from ..eval_mode import eval_mode
from ..models.image_meta import image_meta
from ..models.plan import Plan, SiteRef, restrict

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
    targets: Sequence[str]
    flops: int
    classes: Sequence[float]

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that occur, in percent."""
        return float(np.nanmean(self.classes))


def choices(plan: Plan) -> dict[str, tuple[str, ...]]:
    """List the sets of targets to switch off: none, each, all, and shared ones.

    Shared are the targets of a connection, and those of a site in several networks.
    Equal sets are listed once.
    """
    every = list(plan.incoming)
    sets: list[tuple[str, Collection[SiteRef]]] = [(NONE, [])]
    sets += [(str(ref), [ref]) for ref in every]
    sets += [(ALL, every)]
    sets += [(str(connection), connection.targets) for connection in plan.connections]
    sets += [(f'*.{x.site}', [y for y in every if y.site == x.site]) for x in every]
    names: dict[tuple[str, ...], str] = {}
    for name, refs in sets:
        names.setdefault(tuple(str(ref) for ref in every if ref in refs), name)
    return {name: targets for targets, name in names.items()}


@torch.no_grad()
def measure_iou(
    model: nn.Module, loader: DataLoader, ignore_index: int, text: str
) -> list[float]:
    """Compute IoU of each class in percent; the text describes the progress."""
    metric = IoUMetric(ignore_index=ignore_index)
    metric.dataset_meta = loader.dataset.metainfo
    with eval_mode(model):
        for batch in track(loader, text):
            samples = model.test_step(batch)
            metric.process(batch, [sample.to_dict() for sample in samples])
    intersection, union, *_ = map(sum, zip(*metric.results, strict=True))
    return (100 * intersection / union).tolist()


@torch.no_grad()
def module_flops(model: nn.Module, loader: DataLoader) -> dict[str, int]:
    """Count FLOPs of each connector and aggregation for an image, by module's name."""
    counts: dict[str, int] = {}

    def count(name: str, module: nn.Module, inputs: Sequence[Any], _: Any) -> None:
        counts[name] = count_flops(lambda: module.forward(*inputs))

    batch = model.data_preprocessor(loader.collate_fn([loader.dataset[0]]), False)
    metas = [image_meta(batch['inputs'].shape[2:])]
    with ExitStack() as stack, eval_mode(model):
        for connection in model.plan.connections:
            for name in connection.modules:
                module = model.get_submodule(name)
                hook = module.register_forward_hook(partial(count, name))
                stack.enter_context(hook)
        model.encode_decode(batch['inputs'], metas)
    return counts


def saved_flops(plan: Plan, targets: Sequence[str], costs: dict[str, int]) -> int:
    """Sum the FLOPs of the modules that are not needed without some targets."""
    left = [ref for ref in plan.incoming if str(ref) not in targets]
    _, names = restrict(plan.connections, left)
    return sum(flops for name, flops in costs.items() if name not in names)


def knock_out_table(found: Sequence[KnockOut], classes: Sequence[str]) -> str:
    """Format as a table: mIoU, its change, saved FLOPs and IoU of each class."""
    whole = next(row.miou for row in found if row.name == NONE)
    table = PrettyTable(['switched off', 'mIoU', 'change', 'MFLOPs', *classes])
    table.align['switched off'] = 'l'
    for row in found:
        values = [f'{value:.2f}' for value in (row.miou, *row.classes)]
        values[1:1] = [f'{row.miou - whole:+.2f}', f'{row.flops / 1e6:.1f}']
        table.add_row([row.name, *values])
    return table.get_string()
