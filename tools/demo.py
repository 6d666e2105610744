"""Train the four methods on built-in data, test and compare them, write a report."""

import argparse
import logging
import shutil
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import Progress, TaskID

from mmseg_coop.apis import build_runner, load_config
from mmseg_coop.command_line import run_tool
from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.iou_tables import all_tables
from mmseg_coop.comparison.report import write_report
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.comparison.table_formats import print_tables
from mmseg_coop.evaluation.method_names import METHODS

CONFIGS = Path(__file__).parents[1] / 'configs' / 'coop'
# Images of each validation and test: half of the sets.
IMAGES = 100


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--network', choices=['danet', 'deeplabv3plus'], default='deeplabv3plus'
    )
    parser.add_argument('--iters', type=int, default=240, help='training iterations')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    return parser


class ProgressHook(Hook):
    """Advance a progress bar after each training iteration."""

    def __init__(self, progress: Progress, task: TaskID):
        self.progress = progress
        self.task = task

    def after_train_iter(self, *args, **kwargs) -> None:
        self.progress.advance(self.task)


def shorten(config: Config, iters: int) -> None:
    """Shorten a config's schedule, and empty its work dir."""
    shutil.rmtree(config.work_dir, ignore_errors=True)
    config.train_cfg.update(max_iters=iters, val_interval=max(iters // 4, 2))
    for scheduler in config.param_scheduler:
        scheduler.end = iters
    # The last weights are tested, so that no best checkpoint is needed.
    config.default_hooks.checkpoint.update(
        interval=iters, save_best=None, save_optimizer=False
    )
    config.log_level = logging.getLevelName(logging.ERROR)
    config.randomness = dict(seed=0)
    config.experiment_name = f'{Path(config.work_dir).name}_{time.time_ns()}'
    # MMEngine keeps visualizers by name, and each run needs its own.
    config.visualizer.name = config.experiment_name


def train_and_test(args: argparse.Namespace) -> None:
    """Train and test the methods; results are in their work dirs."""
    images = ('val_dataloader.dataset.num_images', 'test_dataloader.dataset.num_images')
    with Progress() as progress:
        for method in METHODS:
            config = load_config(
                str(CONFIGS / f'{args.network}_r18_{method}_toy.py'),
                dict.fromkeys(images, IMAGES),
                str(args.work_dir / method),
            )
            shorten(config, args.iters)
            runner = build_runner(config)
            task = progress.add_task(method, total=args.iters)
            runner.register_hook(ProgressHook(progress, task))
            runner.train()
            miou = runner.test()['mIoU']
            progress.update(task, description=f'{method}: mIoU {miou:.1f}')


def main(args: argparse.Namespace) -> None:
    if args.iters < 1:
        raise ValueError(f'--iters: found {args.iters}, expected 1 or more')
    console = Console()
    console.print(
        f'Training {args.network} on ToyStreets, {args.iters} iterations for each '
        'method, on the CPU or the GPU that is there:'
    )
    train_and_test(args)
    comparison = compare(load_runs([str(args.work_dir / name) for name in METHODS]))
    tables = all_tables(comparison)
    print_tables(tables, console)
    console.print(
        'One seed and a short training run on drawn scenes: an example, not evidence.'
    )
    page = write_report(comparison, tables, args.work_dir / 'report')
    console.print(f'Report: {page}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
