"""Run a copy of a network on the meta device: shapes and dependencies only."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ..heads import auxiliary_heads, check_levels
from ..meta_copy import copy_to
from .dry_run_record import OutputHook, Record, tensors
from .layout import BATCH


class DryRun:
    """A copy of a network, to be run in several ways.

    The network itself stays as it is: weights, running statistics, modes, hooks.

    Args:
        network: The network; on any device.
        image_shape: C, H and W of the images that it is run on.
        inputs_of: Modules whose input is looked at as well.
        device: ``meta``, which has shapes and no arithmetic; or ``cpu``, for networks
            that make tensors of their own, or look at values, in their forward.
    """

    def __init__(
        self,
        network: nn.Module,
        image_shape: tuple[int, int, int],
        inputs_of: Sequence[str] = (),
        device: str = 'meta',
    ):
        self.network = copy_to(network, device)
        self.names = {m: name for name, m in self.network.named_modules() if name}
        for module, name in self.names.items():
            if isinstance(module, BaseDecodeHead):
                module._transform_inputs = _Levels(module, name)
        self.inputs_of = set(inputs_of)
        self.images = torch.zeros(BATCH, *image_shape, device=device)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return tuple(self.images.shape[2:])

    def resized(self, size: tuple[int, int]) -> 'DryRun':
        """The same network, to be run on images of another size."""
        other = copy.copy(self)
        other.images = self.images.new_zeros(*self.images.shape[:2], *size)
        return other

    def training(self) -> Record:
        """Run the network as in training; norms use running statistics.

        What heads do with labels depends on values, which the meta device does not
        have: losses are left out, and where that is not enough the record ends.
        """
        with self._recording() as record, _all_kept(self.network):
            self._train(self.images, record)
        return record

    def prediction(self) -> tuple[Record, list[Tensor]]:
        """Run the network as in prediction, and its auxiliary heads.

        Returns:
            The record, and the logits of all heads.
        """
        self._set_mode(False)
        with self._recording() as record, _all_kept(self.network):
            outputs = [self.network.encode_decode(self.images, [self._meta()] * BATCH)]
            features = record.outputs.get('neck', record.outputs.get('backbone'))
            # A prediction does not call them.
            calls = record.calls.copy()
            outputs += [head(features) for head in auxiliary_heads(self.network)]
        record.calls = calls
        return record, [x for x in tensors(outputs) if x.requires_grad]

    def recomputed(self) -> set[str]:
        """Modules that the backward pass of training runs a second time."""
        if not any(_switches(m) for m in self.network.modules()):
            return set()
        with self._recording(probes=False) as record:
            # Some regions are computed again only if a gradient leaves them.
            given = self._train(self.images.clone().requires_grad_(), record)
            before = record.calls.copy()
            ends = tensors([given, list(record.returned.values())])
            torch.autograd.backward([x.sum() for x in ends if x.requires_grad])
        return set(record.calls - before)

    def _train(self, images: Tensor, record: Record) -> list[Any]:
        """Run the network as in training; returns what the losses would be given."""
        self._set_mode(True)
        device = self.images.device
        label = torch.zeros(1, *self.size, dtype=torch.long, device=device)
        labels = dict(gt_sem_seg=PixelData(data=label))
        samples = [SegDataSample(metainfo=self._meta(), **labels) for _ in images]
        with self._no_losses() as given:
            try:
                self.network.loss(images, samples)
            # Code that reads values of meta tensors may raise anything.
            except Exception:
                record.complete = False
                if 'backbone' not in record.returned:
                    raise
        return given

    def _meta(self) -> dict:
        return dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), self.size)

    def _set_mode(self, training: bool) -> None:
        self.network.train(training)
        for module in self.network.modules():
            # A pooled 1x1 feature map has no statistics.
            if isinstance(module, _NormBase):
                module.eval()

    @contextmanager
    def _no_losses(self) -> Iterator[list[Any]]:
        given: list[Any] = []

        def loss_by_feat(*args: Any, **kwargs: Any) -> dict:
            given.extend([*args, *kwargs.values()])
            return {}

        heads = [m for m in self.network.modules() if hasattr(m, 'loss_by_feat')]
        for head in heads:
            head.loss_by_feat = loss_by_feat
        try:
            yield given
        finally:
            for head in heads:
                del head.loss_by_feat

    @contextmanager
    def _recording(self, probes: bool = True) -> Iterator[Record]:
        record = Record(self.size)
        handles = []
        for module, name in self.names.items():
            hook = OutputHook(record, name, probes)
            handles.append(module.register_forward_hook(hook))
            if name in self.inputs_of:
                handles.append(module.register_forward_pre_hook(hook.before))
        try:
            with torch.enable_grad(), torch.random.fork_rng(devices=[]):
                yield record
        finally:
            for handle in handles:
                handle.remove()


@dataclass
class _Levels:
    """A head's choice of levels, checked; segmentors do not call heads by hooks."""

    head: BaseDecodeHead
    name: str

    def __call__(self, levels: Sequence[Tensor]) -> Any:
        check_levels(self.head, self.name, levels)
        return type(self.head)._transform_inputs(self.head, levels)


def _switches(module: nn.Module) -> list[str]:
    """Switches of a module that recomputes activations: MMCV's, timm's, or our own."""
    return [
        name
        for name, value in vars(module).items()
        if (value is True and ('checkpoint' in name or name == 'with_cp'))
        or name == 'forward'
    ]


@contextmanager
def _all_kept(network: nn.Module) -> Iterator[None]:
    """Keep all activations: in a region computed again, hooks see everything twice."""
    changed = [
        (module, name, getattr(module, name))
        for module in network.modules()
        for name in _switches(module)
        if name != 'forward'
    ]
    for module, name, _ in changed:
        setattr(module, name, False)
    try:
        yield
    finally:
        for module, name, value in changed:
            setattr(module, name, value)
