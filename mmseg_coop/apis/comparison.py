"""Train a few configs for a short while, and compare them."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric

from .runtime import build_runner


@dataclass
class Result:
    """How a config did on its test set.

    Attributes:
        name: What it is called in tables.
        iou: IoU of each class in percent; NaN for a class that does not occur.
        seconds: Time to train.
        predictions: Label maps (H, W) of the first test images.
    """

    name: str
    iou: dict[str, float]
    seconds: float
    predictions: list[np.ndarray] = field(default_factory=list)

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur, in percent."""
        return float(np.nanmean(list(self.iou.values())))


class _Progress(Hook):
    """Tells of each training iteration."""

    def __init__(self, advance: Callable[[], None]):
        self.advance = advance

    def after_train_iter(self, *args, **kwargs) -> None:
        self.advance()


def train_and_test(
    config: Config,
    name: str,
    iters: int,
    advance: Callable[[], None],
    keep: int = 0,
) -> Result:
    """Train a config and test the result.

    Args:
        config: Its schedule is shortened to ``iters`` iterations.
        name: What the result is called.
        iters: Number of training iterations.
        advance: Called after each of them.
        keep: Number of test images whose predictions are kept.

    Returns:
        Its IoU on the test set.
    """
    config.train_cfg.update(max_iters=iters, val_interval=iters)
    for scheduler in config.param_scheduler:
        scheduler.end = iters
    # Tested once, at the end, and nothing is written but the log.
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.default_hooks.checkpoint = None
    config.log_level = logging.getLevelName(logging.ERROR)
    config.randomness = dict(seed=0)
    config.experiment_name = f'{Path(config.work_dir).name}_{time.time_ns()}'
    runner = build_runner(config)
    runner.register_hook(_Progress(advance))
    start = time.perf_counter()
    runner.train()
    return test(runner, name, time.perf_counter() - start, keep)


@torch.no_grad()
def test(runner: Runner, name: str, seconds: float = 0.0, keep: int = 0) -> Result:
    """Test a runner's model with MMSegmentation's IoU, class by class."""
    loader = Runner.build_dataloader(runner.cfg.test_dataloader)
    classes = loader.dataset.metainfo['classes']
    model = runner.model.eval()
    areas, predictions = [], []
    for batch in loader:
        for sample in model.test_step(batch):
            label = sample.pred_sem_seg.data.squeeze(0)
            areas.append(
                IoUMetric.intersect_and_union(
                    label, sample.gt_sem_seg.data.squeeze(0), len(classes), 255
                )
            )
            if len(predictions) < keep:
                predictions.append(label.cpu().numpy())
    totals = [sum(area) for area in zip(*areas, strict=True)]
    iou = IoUMetric.total_area_to_metrics(*totals)['IoU'] * 100
    return Result(
        name, dict(zip(classes, iou.tolist(), strict=True)), seconds, predictions
    )
