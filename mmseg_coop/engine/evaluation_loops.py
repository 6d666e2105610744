"""Validation and test loops that predict label maps without full-size logits."""

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

from ..evaluation import CoopIoUMetric
from ..evaluation.coop_iou_metric import calibration_of
from ..models.segmentors import Collect, can_predict_labels, predict_labels
from ..unwrap import unwrap_ddp

# Modules whose hooks get predictions, and read no logits.
_READ_NO_LOGITS = ('mmengine.', 'mmseg.engine.hooks.visualization_hook')


def coop_metrics(loop: BaseLoop) -> list[CoopIoUMetric]:
    """The metrics of a loop that count every network."""
    return [m for m in loop.evaluator.metrics if isinstance(m, CoopIoUMetric)]


def predict_batch(
    model: EncoderDecoder, data_batch: dict, collect: Collect | None = None
) -> SampleList:
    """Predict label maps for a batch from a loader."""
    return predict_labels(
        model, **model.data_preprocessor(data_batch, False), collect=collect
    )


class _LabelLoop(BaseLoop):
    """Base of ``CoopValLoop`` and ``CoopTestLoop``."""

    _stage: str
    # Predicts a batch; None to use the model's own step.
    _step = None

    def run(self) -> dict:
        """Choose how to predict, then run."""
        self._step = None
        if self._labels_suffice():
            model = unwrap_ddp(self.runner.model)
            collect = calibration_of(coop_metrics(self))
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
        """Tell whether this loop predicts the label maps of all networks."""
        return self._step is not None

    def compile(self, **options) -> None:
        """Compile the prediction of a batch with options of ``torch.compile``."""
        if self._step is not None:
            step = torch.compile(predict_batch, **options)
            self._step = partial(step, *self._step.args, **self._step.keywords)

    def _labels_suffice(self) -> bool:
        """Tell whether only label maps are read of a prediction.

        A custom evaluator, loop or hook may read the logits, too.
        """
        metrics = self.evaluator.metrics
        return (
            type(self).run_iter is _LabelLoop.run_iter
            and type(self.evaluator) is Evaluator
            and bool(metrics)
            and all(map(_reads_labels, metrics))
            and not any(map(_reads_predictions, self.runner.hooks))
            and can_predict_labels(unwrap_ddp(self.runner.model))
        )


@LOOPS.register_module()
class CoopValLoop(_LabelLoop, ValLoop):
    """``ValLoop`` that predicts label maps only, if just ``CoopIoUMetric`` reads them.

    Logits of the image's size take memory and time. If other metrics, a custom
    evaluator or custom hooks read predictions, or the model overrides prediction, it
    works as ``ValLoop``. Its arguments are those of ``ValLoop``.
    """

    _stage = 'val'


@LOOPS.register_module()
class CoopTestLoop(_LabelLoop, TestLoop):
    """``TestLoop`` that predicts label maps only, see ``CoopValLoop``."""

    _stage = 'test'


def _reads_labels(metric: BaseMetric) -> bool:
    """Tell whether a metric reads nothing but label maps."""
    return (
        isinstance(metric, CoopIoUMetric)
        and type(metric).process is CoopIoUMetric.process
    )


def _reads_predictions(hook: Hook) -> bool:
    """Tell whether a custom hook gets predictions, and may read logits."""
    names = ('after_val_iter', 'after_test_iter', '_after_iter')
    modules = (getattr(type(hook), name).__module__ for name in names)
    return not all(module.startswith(_READ_NO_LOGITS) for module in modules)
