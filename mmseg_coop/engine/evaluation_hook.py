"""Count every network while a run validates or tests, and keep the results."""

from functools import partial
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner, TestLoop, ValLoop
from mmseg.registry import HOOKS
from torch import nn

from ..evaluation import CoopIoUMetric
from ..evaluation.naming import method_name, network_name
from ..evaluation.results import FOLDER
from ..models.segmentors import can_predict_labels, predict_labels


@HOOKS.register_module()
class CoopEvaluationHook(Hook):
    """Have all networks' label maps for ``CoopIoUMetric``, and write its results.

    Without it a cooperative model predicts only what counts, and any model makes logits
    of the image's size, which nobody reads. Results go to
    ``results/test.npz`` and ``results/val_iter_<iteration>.npz`` in the work dir, where
    ``tools/compare.py`` finds them.
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
        """Weights that a training starts from are not those that it tests."""
        self._loaded = {}
        self._checkpoint = None

    def before_val(self, runner: Runner) -> None:
        """Predict label maps of all networks."""
        _only_labels(runner.model, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Predict label maps of all networks."""
        _only_labels(runner.model, runner.test_loop)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a validation."""
        meta = dict(seed=runner.seed, iteration=runner.iter, checkpoint=None)
        _save(runner, runner.val_loop, f'val_iter_{runner.iter}', meta)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Write the results of a test."""
        meta = dict(
            seed=self._loaded.get('seed', runner.seed),
            iteration=self._loaded.get('iter', runner.iter),
            checkpoint=self._checkpoint,
        )
        if not self._checkpoint:
            # Networks that were trained apart.
            paths = runner.cfg.model.get('networks_init')
            meta['networks_init'] = paths and list(paths)
        _save(runner, runner.test_loop, 'test', meta)

    def after_val(self, runner: Runner) -> None:
        """Predict as usual from here on."""
        _only_labels(runner.model, None)

    def after_test(self, runner: Runner) -> None:
        """Predict as usual from here on."""
        _only_labels(runner.model, None)


def _only_labels(model: nn.Module, loop: ValLoop | TestLoop | None) -> None:
    """Switch it on for a loop, or off.

    Augmentation at test time joins logits and stays as it is.
    """
    while is_model_wrapper(model) and not isinstance(model, BaseTTAModel):
        model = model.module
    model.__dict__.pop('predict', None)
    if loop is not None and can_predict_labels(model):
        metrics = _metrics(loop)
        watch = metrics[0].calibrate if metrics else None
        model.predict = partial(predict_labels, model, watch=watch)


def _metrics(loop: ValLoop | TestLoop) -> list[CoopIoUMetric]:
    return [m for m in loop.evaluator.metrics if isinstance(m, CoopIoUMetric)]


def _save(runner: Runner, loop: ValLoop | TestLoop, name: str, meta: dict) -> None:
    """Write what the metric counted; only the main process has it."""
    found = [metric.last for metric in _metrics(loop)]
    if not is_main_process() or not found or found[0] is None:
        return
    results, config = found[0], runner.cfg
    file = Path(config.filename or runner.experiment_name)
    results.meta = dict(
        name=file.stem,
        # MMEngine writes it there.
        config=file.name,
        network=network_name(config.model),
        method=method_name(config.model),
        dataset=type(loop.dataloader.dataset).__name__,
        **meta,
    )
    results.save(Path(runner.work_dir) / FOLDER / f'{name}.npz')
