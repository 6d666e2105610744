"""Train a config for a short while, and test the result."""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook

from ..apis.runner import build_runner


class _Progress(Hook):
    """Tells of each training iteration."""

    def __init__(self, advance: Callable[[], None]):
        self.advance = advance

    def after_train_iter(self, *args, **kwargs) -> None:
        self.advance()


def train_and_test(config: Config, iters: int, advance: Callable[[], None]) -> float:
    """Train a config and test the result, whose metrics stay in the work dir.

    Args:
        config: Its schedule is shortened to ``iters`` iterations. What is in its work
            dir is deleted.
        iters: Number of training iterations.
        advance: Called after each of them.

    Returns:
        mIoU in percent.
    """
    shutil.rmtree(config.work_dir, ignore_errors=True)
    config.train_cfg.update(max_iters=iters, val_interval=max(iters // 4, 2))
    for scheduler in config.param_scheduler:
        scheduler.end = iters
    # The last checkpoint is tested, none is chosen.
    config.default_hooks.checkpoint.update(
        interval=iters, save_best=None, save_optimizer=False
    )
    config.log_level = logging.getLevelName(logging.ERROR)
    config.randomness = dict(seed=0)
    config.experiment_name = f'{Path(config.work_dir).name}_{time.time_ns()}'
    # MMEngine keeps visualizers by name: another run in this process has its own.
    config.visualizer.name = config.experiment_name
    runner = build_runner(config)
    runner.register_hook(_Progress(advance))
    runner.train()
    return runner.test()['mIoU']
