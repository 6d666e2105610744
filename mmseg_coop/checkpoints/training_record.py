"""Record a training run in its checkpoints, and read the record."""

import re
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import mmcv
import mmengine
import mmseg
import torch
from mmengine.dist import get_world_size

from ..version import __version__

# Keys of a checkpoint's ``meta``: the record of its own training run, and the records
# of several, where networks of several checkpoints were joined.
TRAINING, TRAINING_RUNS = 'training', 'training_runs'
_OF_MMENGINE = ('seed', 'iter', 'epoch', 'time')
# MMEngine appends it to the config's name.
_TIMESTAMP = re.compile(r'(_|^)\d{8}_\d{6}$')
# The folders of an absolute path.
_FOLDERS = re.compile(r"""(^|[\s=,:'"(\[])/(?:[^\s=,'"()\[\]/]+/)*(?=[^/])""")


def versions() -> dict[str, str]:
    """Versions of the installed packages, by name."""
    return dict(
        mmseg_coop=__version__,
        mmsegmentation=mmseg.__version__,
        mmcv=mmcv.__version__,
        mmengine=mmengine.__version__,
        torch=str(torch.__version__),
    )


def record_training() -> dict[str, Any]:
    """Record the command, number of processes and versions of this process.

    Files are recorded by their names, without the folders of this machine.
    """
    words = [_FOLDERS.sub(r'\1', word) for word in sys.argv]
    command = shlex.join(['python', *words])
    return dict(command=command, processes=get_world_size(), versions=versions())


def training_runs_of(
    meta: Mapping[str, Any], network: str | None = None
) -> list[dict[str, Any]]:
    """List the training runs that a checkpoint comes from, or only those of a network.

    Args:
        meta: Its ``meta``.
        network: The network.

    Returns:
        For each run, where known: ``config``, ``command``, ``processes``, ``versions``,
        ``seed``, ``iter``, ``epoch``, ``time``, ``network``.
    """
    if TRAINING_RUNS in meta:
        return [
            {k: v for k, v in x.items() if network is None or k != 'network'}
            for x in meta[TRAINING_RUNS]
            if network is None or x.get('network', network) == network
        ]
    found = dict(meta.get(TRAINING, {}))
    name = _TIMESTAMP.sub('', str(meta.get('experiment_name', '')))
    found |= {'config': name} if name else {}
    found |= {key: meta[key] for key in _OF_MMENGINE if key in meta}
    if 'mmengine_version' in meta:
        found.setdefault('versions', dict(mmengine=meta['mmengine_version']))
    return [found] if found else []
