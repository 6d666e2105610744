"""Validation and test that make label maps only, where nobody reads more."""

from collections.abc import Sequence
from functools import partial

import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.runner import TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmengine.runner.base_loop import BaseLoop
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import LOOPS
from mmseg.utils import SampleList
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..evaluation import CoopIoUMetric
from ..models.segmentors import Collect, can_predict_labels, predict_labels

# Packages whose hooks need no logits of a prediction.
_HOSTS = ('mmengine', 'mmseg', 'mmseg_coop')


def coop_metrics(loop: BaseLoop) -> list[CoopIoUMetric]:
    """The metrics of a loop that count every network."""
    return [m for m in loop.evaluator.metrics if isinstance(m, CoopIoUMetric)]


def predict_batch(
    model: EncoderDecoder, data_batch: dict, collect: Collect | None = None
) -> SampleList:
    """Predict label maps for a batch as a loader gives it."""
    return predict_labels(
        model, **model.data_preprocessor(data_batch, False), collect=collect
    )


class _LabelLoop(BaseLoop):
    """Base of ``CoopValLoop`` and ``CoopTestLoop``."""

    _stage: str
    # Predicts a batch; None where the model's own step does.
    _step = None

    def run(self) -> dict:
        """Choose how to predict, and run."""
        self._step = None
        if self._labels_suffice():
            model = _module(self.runner.model)
            collect = coop_metrics(self)[0].collect_calibration
            self._step = partial(predict_batch, model, collect=collect)
        return super().run()

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Sequence[dict]) -> None:
        """Predict a batch, and evaluate it."""
        if self._step is None:
            super().run_iter(idx, data_batch)
            return
        batch = dict(batch_idx=idx, data_batch=data_batch)
        self.runner.call_hook(f'before_{self._stage}_iter', **batch)
        with autocast(enabled=self.fp16):
            outputs = self._step(data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(f'after_{self._stage}_iter', **batch, outputs=outputs)

    @property
    def predicts_networks(self) -> bool:
        """Tell whether the label maps of all networks are there without a hook."""
        return self._step is not None

    def compile(self, **options) -> None:
        """Compile how a batch is predicted; ``options`` are ``torch.compile``'s."""
        if self._step is not None:
            step = torch.compile(predict_batch, **options)
            self._step = partial(step, *self._step.args, **self._step.keywords)

    def _labels_suffice(self) -> bool:
        """Tell whether nobody reads more of a prediction than its label maps.

        A custom evaluator or loop may read whatever it is given.
        """
        metrics = self.evaluator.metrics
        return (
            type(self).run_iter is _LabelLoop.run_iter
            and type(self.evaluator) is Evaluator
            and bool(metrics)
            and all(map(_reads_labels, metrics))
            and not any(map(_reads_predictions, self.runner.hooks))
            and can_predict_labels(_module(self.runner.model))
        )


@LOOPS.register_module()
class CoopValLoop(_LabelLoop, ValLoop):
    """``ValLoop`` that makes label maps only where ``CoopIoUMetric`` alone reads them.

    Logits of the image's size take memory and time. Where other metrics, a custom
    evaluator or custom hooks read predictions, or the model overrides how it predicts,
    it is ``ValLoop``. Its arguments are those of ``ValLoop``.
    """

    _stage = 'val'


@LOOPS.register_module()
class CoopTestLoop(_LabelLoop, TestLoop):
    """``TestLoop`` that makes label maps only, see ``CoopValLoop``."""

    _stage = 'test'


def _module(model: nn.Module) -> nn.Module:
    """Unwrap a model that each process has as a whole, which FSDP's is not."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def _reads_labels(metric: BaseMetric) -> bool:
    """Tell whether a metric is known to need label maps and nothing else."""
    return (
        isinstance(metric, CoopIoUMetric)
        and type(metric).process is CoopIoUMetric.process
    )


def _reads_predictions(hook: Hook) -> bool:
    """Tell whether a custom hook gets predictions, and may read anything of them."""
    cls = type(hook)
    return cls.__module__.split('.')[0] not in _HOSTS and any(
        getattr(cls, name) is not getattr(Hook, name)
        for name in ('after_val_iter', 'after_test_iter', '_after_iter')
    )
