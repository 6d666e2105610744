"""What a checkpoint tells of the training that made it."""

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

# Keys of a checkpoint's ``meta``: what a run writes, and what it was made of.
TRAINING, TRAININGS = 'training', 'trainings'
_OF_MMENGINE = ('seed', 'iter', 'epoch', 'time')
# MMEngine puts it behind the config's name.
_TIMESTAMP = re.compile(r'(_|^)\d{8}_\d{6}$')
# Folders in front of a name, of a path that starts at the root.
_FOLDERS = re.compile(r"""(^|[\s=,:'"(\[])/(?:[^\s=,'"()\[\]/]+/)*(?=[^/])""")


def versions() -> dict[str, str]:
    """Versions of the packages in this process, by name."""
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


def trainings_of(
    meta: Mapping[str, Any], network: str | None = None
) -> list[dict[str, Any]]:
    """List the trainings that a checkpoint comes from, as far as it tells.

    Args:
        meta: Its ``meta``.
        network: The only network of it that counts.

    Returns:
        For each, where known: ``config``, ``command``, ``processes``, ``versions``,
        ``seed``, ``iter``, ``epoch``, ``time``; of networks that were joined
        ``network``.
    """
    known = meta.get(TRAININGS)
    if isinstance(known, list | tuple):
        known = [dict(x) for x in known if isinstance(x, Mapping)]
        return [
            {k: v for k, v in x.items() if network is None or k != 'network'}
            for x in known
            if network is None or x.get('network', network) == network
        ]
    own = meta.get(TRAINING)
    found = dict(own) if isinstance(own, Mapping) else {}
    name = _TIMESTAMP.sub('', str(meta.get('experiment_name', '')))
    found |= {'config': name} if name else {}
    found |= {key: meta[key] for key in _OF_MMENGINE if key in meta}
    if 'mmengine_version' in meta:
        found.setdefault('versions', dict(mmengine=meta['mmengine_version']))
    return [found] if found else []
