"""Adapt names of networks in a config's settings when one network is split off."""

import re
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config

from ..evaluation.results import ORACLE, RELIABILITY
from ..models.mean_of_probabilities import MEAN
from .config_to_mmseg import LEFT_OUT, rewrite_settings

# Metrics that IoUMetric lacks.
_OURS = {*RELIABILITY, 'agreement'}


def take_over_settings(
    config: Config, networks: Sequence[str], network: str, ordinary: bool
) -> None:
    """Adapt names of networks in monitored metrics and in ``custom_keys``.

    ``bottom/mIoU`` becomes ``mIoU``; for an ordinary model ``networks.top.backbone``
    becomes ``backbone``. A hook or scheduler that monitors a removed metric is removed.

    Args:
        config: Config of the written model, which is changed, except for ``model``.
        networks: Names of the networks before.
        network: The network that is kept.
        ordinary: Whether the model is no longer a cooperative one.
    """
    prefix = re.compile(rf'^\.?(networks(\.|$))?({network}(\.|$))?')

    def change(options: dict[str, Any]) -> Any:
        if isinstance(options.get('monitor'), str):
            options['monitor'] = _metric(options['monitor'], networks)
            if options['monitor'] is None:
                return LEFT_OUT
        if isinstance(options.get('save_best'), str | list | tuple):
            _rename_best(options, networks)
        if ordinary and isinstance(options.get('custom_keys'), dict):
            # Of several that become equal, the longest stays.
            keys = sorted(options['custom_keys'].items(), key=lambda item: len(item[0]))
            options['custom_keys'] = {prefix.sub('', key): rate for key, rate in keys}
        return options

    rewrite_settings(config, change)


def _rename_best(options: dict[str, Any], networks: Sequence[str]) -> None:
    """Rewrite ``save_best`` and ``rule`` of a ``CheckpointHook``."""
    metrics = options.pop('save_best')
    # A list has one for each metric; without it MMEngine chooses by their names.
    if isinstance(options.get('rule'), list | tuple):
        options.pop('rule')
    metrics = [metrics] if isinstance(metrics, str) else metrics
    names = dict.fromkeys(_metric(metric, networks) for metric in metrics)
    names.pop(None, None)
    if names:
        options['save_best'] = list(names)


def _metric(name: str, networks: Sequence[str]) -> str | None:
    """Name a metric as ``IoUMetric`` does; None if it has no such metric."""
    *prefix, metric = name.split('/')
    if metric in _OURS or ORACLE in prefix:
        return None
    return '/'.join([*(p for p in prefix if p not in (*networks, MEAN)), metric])
