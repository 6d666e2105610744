"""Adapt names of networks in a config's settings when one network is split off."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ..evaluation.results import ORACLE, RELIABILITY
from ..models.segmentors.combine import MEAN

# Metrics that IoUMetric lacks.
_OURS = {*RELIABILITY, 'agreement'}
_OF_PLANS = ('plan', 'connectors', 'aggregations')


def take_over_settings(
    config: Config, networks: Sequence[str], kept: Sequence[str], network: str
) -> None:
    """Adapt names of networks in monitored metrics and in ``custom_keys``.

    ``bottom/mIoU`` becomes ``mIoU``; for an ordinary model ``networks.top.backbone``
    becomes ``backbone``. A key, hook or scheduler that names a removed network or
    metric is removed.

    Args:
        config: Config of the written model, which is changed, except for ``model``.
        networks: Names of the networks before.
        kept: Names of the networks that are kept; empty for an ordinary model.
        network: The network that predicts.
    """
    names = _Names(networks, kept, network)
    for key, value in list(config.items()):
        if key == 'model':
            continue
        found = names.of(value)
        if found is None and value is not None:
            config.pop(key)
        else:
            config[key] = found


class _Names:
    def __init__(self, networks: Sequence[str], kept: Sequence[str], network: str):
        self.networks, self.kept, self.network = networks, kept, network

    def of(self, value: Any) -> Any:
        """Rewrite the names in a nested value; None if it is to be removed."""
        if isinstance(value, list | tuple):
            items = [(item, self.of(item)) for item in value]
            return type(value)(n for old, n in items if n is not None or old is None)
        if not isinstance(value, dict):
            return value
        if isinstance(value.get('monitor'), str):
            metric = self._metric(value['monitor'])
            if metric is None:
                return None
            value = {**value, 'monitor': metric}
        found = {}
        for key, old in value.items():
            new = self._parameters(old) if key == 'custom_keys' else self.of(old)
            if new is not None or old is None:
                found[key] = new
        self._save_best(found)
        return found

    def _save_best(self, options: dict[str, Any]) -> None:
        """Rewrite ``save_best`` and ``rule`` of a ``CheckpointHook``."""
        metrics = options.get('save_best')
        if isinstance(metrics, str):
            metrics = [metrics]
        elif not isinstance(metrics, list | tuple):
            return
        rules = options.get('rule')
        one = not isinstance(rules, list | tuple)
        rules = [rules] * len(metrics) if one else rules
        found: dict[str, Any] = {}
        for metric, rule in zip(metrics, rules, strict=False):
            name = self._metric(metric)
            if name is not None:
                found.setdefault(name, rule)
        options.pop('save_best')
        if not one:
            options.pop('rule')
        if found:
            names = list(found)
            options['save_best'] = names[0] if len(names) == 1 else names
            if not one:
                options['rule'] = list(found.values())

    def _metric(self, name: str) -> str | None:
        *prefix, metric = name.split('/')
        if metric in _OURS or ORACLE in prefix:
            return None
        gone = (*self.networks, MEAN)
        return '/'.join([*(p for p in prefix if p not in gone), metric])

    def _parameters(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Rewrite ``custom_keys``; of several that become equal, the longest stays."""
        found = {}
        for key in sorted(options, key=len):
            name = self._parameter(key)
            if name is not None:
                found[name] = options[key]
        return found

    def _parameter(self, key: str) -> str | None:
        parts = key.strip('.').split('.')
        parts = parts[1:] if parts[0] == 'networks' else parts
        first = parts[0] if parts else self.network
        if first in self.networks:
            if self.kept:
                return key if first in self.kept or not parts else None
            return '.'.join(parts[1:]) if first == self.network else None
        return None if first in _OF_PLANS and not self.kept else key
