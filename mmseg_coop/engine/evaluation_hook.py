"""Give the metric every network's label maps, and write its results."""

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.model import BaseTTAModel
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.runner.amp import autocast
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ..evaluation.coop_iou_metric import calibration_of
from ..evaluation.method_names import method_name, network_name
from ..evaluation.model_identity import model_identity
from ..evaluation.results import FOLDER
from ..models.segmentors import CooperativeEncoderDecoder, can_predict_labels
from ..unwrap import unwrap_ddp, unwrap_distribution
from .evaluation_loops import coop_metrics, predict_batch


@HOOKS.register_module()
class CoopEvaluationHook(Hook):
    """Give ``CoopIoUMetric`` all networks' label maps, and write its results.

    ``CoopValLoop`` and ``CoopTestLoop`` predict the label maps. In other loops, and
    where other metrics or custom hooks read predictions, the model predicts as in
    MMSegmentation; before that, this hook runs the model once more for the label maps,
    and adds them to the batch. Without a ``CoopIoUMetric`` it adds nothing.

    Before a validation all processes get the buffers of the first, which a checkpoint
    has: running statistics differ between them, unless they are synchronized.

    Results are written to ``results/`` in the work dir for ``tools/compare.py``:
    ``test.npz`` (``test_tta.npz`` with test-time augmentation),
    ``val_iter_<iteration>.npz``, or ``val_epoch_<epoch>.npz`` in training that counts
    epochs.
    """

    priority = 'VERY_LOW'

    def __init__(self):
        self._identity: dict | None = None
        self._loaded: dict = {}
        self._checkpoint: str | None = None
        self._in_training = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the seed and the iteration of a tested checkpoint."""
        self._loaded = checkpoint.get('meta') or {}
        self._checkpoint = runner._load_from

    def before_train(self, runner: Runner) -> None:
        """Forget the loaded checkpoint: validations test the weights in training."""
        self._in_training = True
        self._loaded = {}
        self._checkpoint = None

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Identify the weights, which an EMAHook takes back before the results."""
        if mode == 'val':
            for buffer in runner.model.buffers():
                broadcast(buffer)
        wanted = mode != 'train' and is_main_process()
        found = wanted and coop_metrics(_loop_of(runner, mode))
        self._identity = model_identity(runner.model) if found else None

    def _before_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        mode: str = 'train',
    ) -> None:
        """Add all networks' label maps, unless the loop predicts them."""
        if mode != 'train':
            _add_networks(runner, _loop_of(runner, mode), data_batch)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a validation."""
        name, meta = 'val', self._tested(runner)
        if self._in_training:
            epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
            name = f'val_epoch_{runner.epoch}' if epochs else f'val_iter_{runner.iter}'
            meta['checkpoint'] = _checkpoint_of_now(runner)
        _save(runner, runner.val_loop, name, meta)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a test."""
        _save(runner, runner.test_loop, 'test', self._tested(runner))

    def _tested(self, runner: Runner) -> dict:
        """Describe the origin of the weights."""
        meta = dict(
            seed=self._loaded.get('seed', runner.seed),
            iteration=self._loaded.get('iter', runner.iter),
            checkpoint=self._checkpoint,
            model=self._identity,
        )
        if not self._checkpoint and not self._in_training:
            # The networks have checkpoints of separate training runs.
            paths = _option(runner.cfg.model, 'networks_init')
            meta['networks_init'] = paths and list(paths)
        return meta


def _loop_of(runner: Runner, mode: str) -> BaseLoop:
    return runner.val_loop if mode == 'val' else runner.test_loop


@torch.no_grad()
def _add_networks(runner: Runner, loop: BaseLoop, data_batch: dict) -> None:
    """Add all networks' label maps, and sums for calibration, to a batch's samples.

    It adds nothing with test-time augmentation, which averages logits.
    """
    metrics = coop_metrics(loop)
    if not metrics or getattr(loop, 'predicts_networks', False):
        return
    collect = calibration_of(metrics)
    # With FSDP a process has a part of the weights, and nothing is added.
    model = unwrap_ddp(runner.model)
    if isinstance(model, CooperativeEncoderDecoder) or can_predict_labels(model):
        with autocast(enabled=getattr(loop, 'fp16', False)):
            data_batch['data_samples'] = predict_batch(model, data_batch, collect)


def _checkpoint_of_now(runner: Runner) -> str | None:
    """Path that a checkpoint of this iteration has; None without a checkpoint hook."""
    for hook in runner.hooks:
        # The hook has no folder until training starts (Runner.val).
        if isinstance(hook, CheckpointHook) and hook.out_dir:
            step = runner.epoch if hook.by_epoch else runner.iter
            return str(Path(hook.out_dir) / hook.filename_tmpl.format(step))
    return None


def _save(runner: Runner, loop: BaseLoop, name: str, meta: dict) -> None:
    """Write the metric's results, which only the main process has."""
    found = [metric.last for metric in coop_metrics(loop) if metric.last is not None]
    if not is_main_process() or not found:
        return
    results, config = found[0], runner.cfg
    file = Path(config.filename or runner.experiment_name)
    augmented = isinstance(unwrap_distribution(runner.model), BaseTTAModel)
    results.meta = dict(
        name=file.stem,
        # Name of the copy that MMEngine writes to the work dir.
        config=file.name,
        network=network_name(runner.model),
        method=method_name(runner.model, _option(config.get('model'), 'connections')),
        dataset=type(loop.dataloader.dataset).__name__,
        tta=augmented,
        logged_by=_logged_by(runner),
        **meta,
    )
    tta = '_tta' if augmented else ''
    results.save(Path(runner.work_dir) / FOLDER / f'{name}{tta}.npz')


def _option(model: Any, key: str) -> Any:
    """Read an option of a model's config, also inside of test-time augmentation."""
    if not isinstance(model, dict):
        return None
    return model.get('module', model).get(key)


def _logged_by(runner: Runner) -> str:
    """Unit of the steps at which metrics are logged."""
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook) and hook.log_metric_by_epoch:
            return 'epoch'
    return 'iteration'
