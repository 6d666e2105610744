"""Count every network while a run validates or tests, and keep the results."""

from functools import partial
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.model import BaseTTAModel
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ..evaluation import CoopIoUMetric
from ..evaluation.method_names import method_name, network_name
from ..evaluation.results import FOLDER
from ..evaluation.tested_model import tested_model
from ..models.segmentors import (
    CooperativeEncoderDecoder,
    can_predict_labels,
    predict_beside_networks,
    predict_labels,
)
from ..unwrap import unwrap_distribution

# What their hooks do with a prediction needs no logits.
_HOSTS = ('mmengine', 'mmseg', 'mmseg_coop')


@HOOKS.register_module()
class CoopEvaluationHook(Hook):
    """Have all networks' label maps for ``CoopIoUMetric``, and write its results.

    Where nobody else reads predictions, models make label maps only: logits of the
    image's size take memory and time. Where other metrics or a user's hooks do, the
    model predicts as ever, and the networks' label maps come beside it, from a second
    run; a single network then has no calibration (ECE, NLL). Without a
    ``CoopIoUMetric`` nothing is changed.

    Results go to ``results/`` in the work dir, where ``tools/compare.py`` finds them:
    ``test.npz`` (``test_tta.npz`` with test-time augmentation),
    ``val_iter_<iteration>.npz``, or ``val_epoch_<epoch>.npz`` in training that counts
    epochs.
    """

    priority = 'VERY_LOW'

    def __init__(self):
        self._loaded: dict = {}
        self._checkpoint: str | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note the seed and the iteration that a tested checkpoint was trained with."""
        self._loaded = checkpoint.get('meta') or {}
        self._checkpoint = runner._load_from

    def before_train(self, runner: Runner) -> None:
        """Forget the origin of weights that training starts from: it tests others."""
        self._loaded = {}
        self._checkpoint = None

    def before_val(self, runner: Runner) -> None:
        """Predict label maps of all networks."""
        _predict_networks(runner, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Predict label maps of all networks."""
        _predict_networks(runner, runner.test_loop)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a validation."""
        if not isinstance(runner._train_loop, BaseLoop):
            _save(runner, runner.val_loop, 'val', self._tested(runner))
            return
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        step = f'epoch_{runner.epoch}' if epochs else f'iter_{runner.iter}'
        meta = dict(
            seed=runner.seed,
            iteration=runner.iter,
            checkpoint=_checkpoint_of_now(runner),
        )
        _save(runner, runner.val_loop, f'val_{step}', meta)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a test."""
        _save(runner, runner.test_loop, 'test', self._tested(runner))

    def after_val(self, runner: Runner) -> None:
        """Predict as usual from here on."""
        _predict_as_usual(runner)

    def after_test(self, runner: Runner) -> None:
        """Predict as usual from here on."""
        _predict_as_usual(runner)

    def _tested(self, runner: Runner) -> dict:
        """Origin of weights that are not being trained."""
        meta = dict(
            seed=self._loaded.get('seed', runner.seed),
            iteration=self._loaded.get('iter', runner.iter),
            checkpoint=self._checkpoint,
        )
        if not self._checkpoint:
            # Networks that were trained apart.
            paths = _option(runner.cfg.model, 'networks_init')
            meta['networks_init'] = paths and list(paths)
        return meta


def _predict_networks(runner: Runner, loop: ValLoop | TestLoop) -> None:
    """Have the model predict label maps of all networks, but for augmented tests.

    Augmentation at test time joins logits, and stays as it is.
    """
    _predict_as_usual(runner)
    metrics = loop.evaluator.metrics
    counting = _metrics(loop)
    if not counting:
        return
    watch = counting[0].collect_calibration
    model = unwrap_distribution(runner.model)
    # An evaluator or a loop of the user's own may read what they hand on.
    usual = type(loop.evaluator) is Evaluator and type(loop) in (ValLoop, TestLoop)
    only_labels = (
        usual
        and all(map(_reads_labels, metrics))
        and not any(map(_reads_predictions, runner.hooks))
    )
    if only_labels and can_predict_labels(model):
        model.predict = partial(predict_labels, model, watch=watch)
    elif isinstance(model, CooperativeEncoderDecoder):
        model.predict = partial(predict_beside_networks, model, watch=watch)


def _metrics(loop: ValLoop | TestLoop) -> list[CoopIoUMetric]:
    return [m for m in loop.evaluator.metrics if isinstance(m, CoopIoUMetric)]


def _predict_as_usual(runner: Runner) -> None:
    unwrap_distribution(runner.model).__dict__.pop('predict', None)


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


def _checkpoint_of_now(runner: Runner) -> str | None:
    """Path of the checkpoint of these weights, if they are saved at this moment."""
    for hook in runner.hooks:
        # It has no folder until training starts (Runner.val).
        if isinstance(hook, CheckpointHook) and hook.out_dir:
            step = runner.epoch if hook.by_epoch else runner.iter
            return str(Path(hook.out_dir) / hook.filename_tmpl.format(step))
    return None


def _save(runner: Runner, loop: ValLoop | TestLoop, name: str, meta: dict) -> None:
    """Write what the metric counted; only the main process has it."""
    found = [metric.last for metric in _metrics(loop)]
    if not is_main_process() or not found or found[0] is None:
        return
    results, config = found[0], runner.cfg
    file = Path(config.filename or runner.experiment_name)
    augmented = isinstance(unwrap_distribution(runner.model), BaseTTAModel)
    results.meta = dict(
        name=file.stem,
        # MMEngine writes it there.
        config=file.name,
        network=network_name(runner.model),
        method=method_name(runner.model, _option(config.get('model'), 'connections')),
        dataset=type(loop.dataloader.dataset).__name__,
        tta=augmented,
        model=tested_model(runner.model),
        logged_by=_logged_by(runner),
        **meta,
    )
    tta = '_tta' if augmented else ''
    results.save(Path(runner.work_dir) / FOLDER / f'{name}{tta}.npz')


def _option(model: Any, key: str) -> Any:
    """Read an option of a model's config, inside of test-time augmentation too."""
    if not isinstance(model, dict):
        return None
    return model.get('module', model).get(key)


def _logged_by(runner: Runner) -> str:
    """Unit of the steps at which metrics are logged."""
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook) and hook.log_metric_by_epoch:
            return 'epoch'
    return 'iteration'
