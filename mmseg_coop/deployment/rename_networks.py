"""Rename networks in a config's settings when one network is taken out."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ..evaluation.results import ORACLE, RELIABILITY
from ..models.segmentors.combine import MEAN

# What IoUMetric does not give.
_OURS = {*RELIABILITY, 'agreement'}
_OF_PLANS = ('plan', 'connectors', 'aggregations')


def take_over_settings(
    config: Config, networks: Sequence[str], kept: Sequence[str], network: str
) -> None:
    """Rename networks in monitored metrics and in keys of parameters.

    ``bottom/mIoU`` becomes ``mIoU``, and of an ordinary model ``networks.top.backbone``
    becomes ``backbone``. What names something that is gone is left out: the key, the
    hook or the scheduler.

    Args:
        config: Of the written model, which is changed; ``model`` is left as it is.
        networks: Names of the networks that there were.
        kept: Those of them that are there by name; none of an ordinary model.
        network: The one that predicts.
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
        """A nested value with names rewritten; None for what has no meaning."""
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
        self._watch_best(found)
        return found

    def _watch_best(self, options: dict[str, Any]) -> None:
        """Rewrite the metrics of a ``CheckpointHook``."""
        watched = options.get('save_best')
        if isinstance(watched, str):
            watched = [watched]
        elif not isinstance(watched, list | tuple):
            return
        rules = options.get('rule')
        one = not isinstance(rules, list | tuple)
        rules = [rules] * len(watched) if one else rules
        found: dict[str, Any] = {}
        for metric, rule in zip(watched, rules, strict=False):
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
        """Keys of parameters; MMEngine takes the longest that fits."""
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
