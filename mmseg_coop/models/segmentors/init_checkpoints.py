"""Initial weights of networks: checkpoints of one network, or of several."""

import inspect
import logging
from collections.abc import Container, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

from mmengine.config import ConfigDict
from mmengine.logging import print_log
from torch import Tensor, nn

from ..checkpoint_weights import load_file, part_of, put_weights, weights_of
from ..plan import Connection, Plan, SiteRef
from ..resolve import resolve
from .network_config_files import is_pretrained

_NETWORKS = 'networks'
# Options that name a checkpoint, in MMSegmentation's backbones and in timm's.
_FILES = ('pretrained', 'checkpoint_path')


class Origin(NamedTuple):
    """A network of a cooperative model's checkpoint: file, name there, all weights."""

    path: str
    network: str
    weights: Mapping[str, Tensor]


def without_inits(model: Mapping[str, Any]) -> ConfigDict:
    """Copy a model's config without the checkpoints that it starts from.

    Those of networks are in ``init``, those of backbones in ``pretrained`` (which
    timm's have by default) or an ``init_cfg`` of MMEngine's type ``Pretrained``.
    """
    found = _without_pretrained(model)
    found.pop('networks_init', None)
    networks = found.get('networks') or []
    for entry in networks.values() if isinstance(networks, Mapping) else networks:
        if isinstance(entry, dict):
            entry.pop('init', None)
    if 'module' in found:
        # Of test-time augmentation.
        found['module'] = without_inits(found['module'])
    return ConfigDict(found)


def _without_pretrained(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_without_pretrained, value))
    if not isinstance(value, Mapping):
        return deepcopy(value)
    found = {k: _without_pretrained(v) for k, v in value.items() if k not in _FILES}
    cls = resolve(value.get('type'))
    known = inspect.signature(cls).parameters if inspect.isclass(cls) else {}
    default = known['pretrained'].default if 'pretrained' in known else None
    if isinstance(value.get('pretrained', default), bool):
        found['pretrained'] = False
    inits = found.pop('init_cfg', None) or []
    inits = inits if isinstance(inits, list | tuple) else [inits]
    left = [init for init in inits if not is_pretrained(init)]
    return {**found, 'init_cfg': left} if left else found


def load_networks(
    networks: Mapping[str, nn.Module], inits: Mapping[str, Mapping[str, Any]]
) -> dict[str, Origin]:
    """Load the checkpoints that networks start from.

    Returns:
        Origin of each network loaded from a cooperative checkpoint, by name.
    """
    files: dict[str, dict[str, Tensor]] = {}
    origins: dict[str, Origin] = {}
    for name, init in inits.items():
        path, key, network = init['checkpoint'], init['key'], networks[name]
        if path not in files:
            files[path] = weights_of(load_file(path, key, type(network).__name__))
        weights = files[path]
        chosen = _choose(weights, name, init)
        if chosen is not None:
            origins[name] = Origin(path, chosen, weights)
            weights = part_of(weights, f'{_NETWORKS}.{chosen}')
        put_weights(network, weights, f'{key}: {path}', init['partial'])
    return origins


def load_connections(
    plan: Plan, origins: dict[str, Origin], inits: Container[str]
) -> None:
    """Load the connectors between networks that come from one checkpoint.

    ``inits`` has the names of networks that start from any checkpoint.

    Connectors that the checkpoint does not have keep their initial weights. Those that
    only the checkpoint has are logged: without what arrived there a network predicts
    something else.
    """
    loaded: set[tuple[str, str]] = set()
    aggregations = {
        (origins[target].path, _modules_in_checkpoint(connection, origins)[-1])
        for connection in plan.connections
        if len(connection.sources) > 1
        and (target := connection.targets[0].network) in origins
    }
    for connection in plan.connections:
        refs = (*connection.sources, *connection.targets)
        found = [origins.get(ref.network) for ref in refs]
        if None in found or len({origin.path for origin in found}) > 1:
            if any(target.network in inits for target in connection.targets):
                _check_trained(plan, connection)
            continue
        theirs = _modules_in_checkpoint(connection, origins)
        # A connector for each target, then the aggregation, called after the first.
        owners = (*connection.targets, connection.targets[0])
        # Connectors that were trained with an aggregation are noise without it; which
        # ones were, the checkpoint does not say.
        whole = len(connection.sources) > 1 or not any(
            (origin.path, name) not in aggregations
            for origin in found[1:]
            for name in _modules_to(origin, 'aggregations.to_')
        )
        parts = [*zip(connection.modules, theirs, owners, strict=False)]
        for ours, name, owner in reversed(parts):
            source = f'networks.{owner.network}.init: {found[0].path}'
            module = plan.get_submodule(ours.removeprefix('plan.'))
            weights = part_of(found[0].weights, name)
            parameters = list(module.parameters())
            if ours.startswith('plan.aggregations.'):
                whole = bool(weights) or not parameters
            if weights and whole:
                put_weights(module, weights, f'{source}: {name}')
                loaded.add((found[0].path, name))
            elif parameters and not any(p.requires_grad for p in parameters):
                lacks = f'has no {name}'
                if weights:
                    lacks = f'{name} may need an aggregation that this model lacks'
                raise ValueError(
                    f"{source}: {lacks}, and '{connection}' is between frozen "
                    'networks, so that it would stay random; expected a checkpoint '
                    f'with {ours}, or leave the connection out'
                )
    for ours, origin in origins.items():
        names = _modules_to(origin, 'connectors.')
        left = [name for name in names if (origin.path, name) not in loaded]
        if left:
            more = ', …' if len(left) > 1 else ''
            print_log(
                f'networks.{ours}.init: {origin.path}: {origin.network} was trained '
                f'with {len(left)} connections that this model does not have '
                f'({left[0]}{more}); it may predict worse without them',
                'current',
                logging.WARNING,
            )
    for path in sorted({path for path, _ in loaded}):
        _warn_of_sources(path, [o for o in origins.values() if o.path == path])
    # Weights are not kept.
    origins.clear()


def _warn_of_sources(path: str, taken: Sequence[Origin]) -> None:
    """Log that connectors may have been trained with feature maps of other networks.

    Their names tell the target only, which leaves no doubt between two networks.
    """
    names = _networks_in(taken[0].weights)
    known = {origin.network for origin in taken}
    left = [name for name in names if name not in known]
    if left and len(names) > 2:
        print_log(
            f'networks: {path}: {", ".join(left)} is not taken from this checkpoint, '
            'which does not say from which network the others received: check that '
            'connections have the sources with which they were trained',
            'current',
            logging.WARNING,
        )


def _modules_in_checkpoint(
    connection: Connection, origins: Mapping[str, Origin]
) -> list[str]:
    """Names of a connection's modules by those that its networks had there."""
    targets = tuple(
        target._replace(network=origins[target.network].network)
        if target.network in origins
        else target
        for target in connection.targets
    )
    return replace(connection, targets=targets).modules


def _modules_to(origin: Origin, kind: str) -> list[str]:
    """Names of the connectors or aggregations to a network in its checkpoint."""
    # A network's name may begin with another's; with a part's behind it none does.
    network = f'{_NETWORKS}.{origin.network}.'
    parts = {k.split('.')[2] for k in origin.weights if k.startswith(network)}
    starts = tuple(
        f'plan.{kind}{SiteRef(origin.network, part).identifier}' for part in parts
    )
    names = dict.fromkeys('.'.join(key.split('.')[:3]) for key in origin.weights)
    return [name for name in names if name.startswith(starts)]


def _check_trained(plan: Plan, connection: Connection) -> None:
    """Check that no connection stays random for want of a common checkpoint."""
    trained = plan.trained_targets.intersection(connection.targets)
    if connection.connector.get('start') == 'random' and not trained:
        raise ValueError(
            f"{connection.key}.connector.start: found 'random', but nothing trains "
            f"'{connection}', between frozen networks; expected an init of both from "
            "one checkpoint that has this connection, or start='identity'"
        )


def _choose(
    weights: Mapping[str, Tensor], name: str, init: Mapping[str, Any]
) -> str | None:
    """Choose the network of a checkpoint; None if it has only one."""
    names = _networks_in(weights)
    wanted = init.get('network')
    if not names and wanted is None:
        return None
    if (wanted or name) not in names:
        raise ValueError(
            f'{init["key"]}: {init["checkpoint"]} has '
            f'{"the networks " + ", ".join(names) if names else "only one network"}, '
            f'and not {wanted or name}; set network=... in '
            'dict(checkpoint=..., network=...) to one of them, or leave it out'
        )
    return wanted or name


def _networks_in(weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the networks of a checkpoint; none if it has only one."""
    paths = [key.split('.') for key in weights]
    return list(dict.fromkeys(path[1] for path in paths if path[0] == _NETWORKS))
