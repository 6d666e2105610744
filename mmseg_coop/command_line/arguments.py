"""Parse the arguments that the tools share, and run a tool."""

import argparse
import os
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr
from io import StringIO
from pathlib import Path

from mmengine.config import DictAction

from ..checkpoints.safe_load import trust_checkpoints
from ..quiet import silence_foreign_warnings
from .errors import one_line_errors


class _Options(DictAction):
    """``DictAction`` with a one-line error for values that are no key=value."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        wrong = [value for value in values if '=' not in value]
        if wrong:
            parser.error(f'{option_string}: found {wrong[0]!r}, expected key=value')
        super().__call__(parser, namespace, values, option_string)


def add_loading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --cfg-options and --trust-checkpoint."""
    add_config_options(parser)
    add_trust_argument(parser)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add --cfg-options."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_Options,
        help='override values of the config, as in key=value or key="[a,b]"; nested '
        'keys are joined by a dot',
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add --trust-checkpoint."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that run code when loaded',
    )


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of training and testing: --work-dir, --launcher, ..."""
    add_loading_arguments(parser)
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and results')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed run are started',
    )
    # torch.distributed.launch passes it, torchrun sets the variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def check_folder(option: str, path: Path) -> None:
    """Check that a tool can create a folder, or write to it.

    Raises:
        ValueError: If the path or one of its parents is a file.
    """
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise ValueError(f'{option}: found the file {part}, expected a folder')


def run_tool(
    parser: argparse.ArgumentParser, tool: Callable[[argparse.Namespace], None]
) -> None:
    """Parse the arguments and run a tool, whose errors are shown in one line.

    Also sets the local rank for MMEngine, and whether checkpoints are trusted.
    """
    args = _parse(parser)
    silence_foreign_warnings()
    with one_line_errors():
        tool(args)


def _parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    # All processes of a run have the same arguments: one of them prints the error.
    others = int(os.environ.get('RANK', 0)) > 0
    with redirect_stderr(StringIO()) if others else nullcontext():
        args = parser.parse_args()
    if getattr(args, 'trust_checkpoint', False):
        trust_checkpoints()
    if 'local_rank' in args:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
