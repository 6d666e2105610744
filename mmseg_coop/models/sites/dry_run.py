"""Run a copy of a network on the meta device: shapes and dependencies only."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ..heads import auxiliary_heads
from ..image_meta import image_meta
from ..meta_copy import copy_to
from .dry_run_record import OutputHook, Record, tensors
from .layout import BATCH


class DryRun:
    """A copy of a network, to be run in several ways.

    The network itself stays as it is: weights, running statistics, modes, hooks. The
    device is ``meta``, which has shapes and no arithmetic; or ``cpu``, for networks
    that make tensors of their own, or look at values, in their forward. The input of
    modules in ``inputs_of`` is recorded as well.

    Attributes:
        modules: The modules by path.
        recomputed: Modules that the backward pass of training runs a second time.
    """

    def __init__(
        self,
        network: nn.Module,
        image_shape: tuple[int, int, int],
        inputs_of: Sequence[str],
        device: str,
    ):
        self.network = copy_to(network, device)
        self.modules = {name: m for name, m in self.network.named_modules() if name}
        self.inputs_of = set(inputs_of)
        self.images = torch.zeros(BATCH, *image_shape, device=device)
        # What the losses would be given: they depend on values.
        self.given: list[Any] = []
        # Heads whose channels don't fit, a reason if the run fails.
        self.unfit: list[str] = []
        for name, module in self.modules.items():
            if isinstance(module, BaseDecodeHead):
                module._transform_inputs = partial(self._levels, module, name)
            if hasattr(module, 'loss_by_feat'):
                module.loss_by_feat = self._no_loss
        self.recomputed = self._find_recomputed()
        # From here on all is kept: some regions that are computed again hide what
        # depends on what.
        for module, name in _switches(self.network):
            if name != 'forward':
                setattr(module, name, False)

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
        with self._recording() as record:
            self._train(self.images, record)
        return record

    def prediction(self) -> tuple[Record, list[Tensor]]:
        """Run the network and its auxiliary heads; returns logits of all, too."""
        self._set_mode(False)
        with self._recording() as record:
            metas = [image_meta(self.size)] * BATCH
            try:
                outputs = [self.network.encode_decode(self.images, metas)]
                features = record.outputs.get('neck', record.outputs.get('backbone'))
                # A prediction does not call them.
                calls = record.calls.copy()
                outputs += [head(features) for head in auxiliary_heads(self.network)]
            except RuntimeError as error:
                if self.unfit:
                    raise ValueError(self.unfit[0]) from error
                raise
        record.calls = calls
        return record, [x for x in tensors(outputs) if x.requires_grad]

    def _find_recomputed(self) -> set[str]:
        if not _switches(self.network):
            return set()
        with self._recording(probes=False) as record:
            # Some regions are computed again only if a gradient leaves them.
            self._train(self.images.clone().requires_grad_(), record)
            before = record.calls.copy()
            ends = tensors([self.given, list(record.returned.values())])
            torch.autograd.backward([x.sum() for x in ends if x.requires_grad])
        return set(record.calls - before)

    def _train(self, images: Tensor, record: Record) -> None:
        self._set_mode(True)
        device = self.images.device
        label = torch.zeros(1, *self.size, dtype=torch.long, device=device)
        labels = dict(gt_sem_seg=PixelData(data=label))
        meta = image_meta(self.size)
        samples = [SegDataSample(metainfo=meta, **labels) for _ in images]
        try:
            self.network.loss(images, samples)
        # Code that reads values of meta tensors may raise anything.
        except Exception:
            record.complete = False
            if 'backbone' not in record.returned:
                raise

    def _levels(self, head: BaseDecodeHead, name: str, levels: Sequence[Tensor]) -> Any:
        """A head's choice of levels, checked; segmentors do not call heads by hooks."""
        index = head.in_index
        indices = index if isinstance(index, list | tuple) else [index]
        count = len(levels)
        if any(not -count <= i < count for i in indices):
            raise ValueError(
                f'{name}.in_index: found {index}, but the network has {count} levels '
                f'of feature maps, expected 0 to {count - 1}'
            )
        chosen = [levels[i] for i in indices]
        # A level may have a class token beside it.
        if all(isinstance(level, Tensor) for level in chosen):
            channels = [level.shape[1] for level in chosen]
            expected = head.in_channels
            # Of levels that are concatenated, the sum.
            found = channels if isinstance(expected, list | tuple) else sum(channels)
            if found != (list(expected) if isinstance(expected, tuple) else expected):
                self.unfit.append(
                    f'{name}.in_channels: found {expected}, but the levels that '
                    f'in_index={index} selects have {found} channels'
                )
        return type(head)._transform_inputs(head, levels)

    def _no_loss(self, *args: Any, **kwargs: Any) -> dict:
        self.given += [*args, *kwargs.values()]
        return {}

    def _set_mode(self, training: bool) -> None:
        self.network.train(training)
        for module in self.network.modules():
            # A pooled 1x1 feature map has no statistics.
            if isinstance(module, _NormBase):
                module.eval()

    @contextmanager
    def _recording(self, probes: bool = True) -> Iterator[Record]:
        record = Record(self.size)
        handles = []
        for name, module in self.modules.items():
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


def _switches(network: nn.Module) -> list[tuple[nn.Module, str]]:
    """Modules that recompute activations, and MMCV's, timm's or our own switch."""
    return [
        (module, name)
        for module in network.modules()
        for name, value in vars(module).items()
        if (value is True and ('checkpoint' in name or name == 'with_cp'))
        or name == 'forward'
    ]
