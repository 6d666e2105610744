"""Initial weights of networks: checkpoints of one network, or of several."""

import inspect
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor, nn

from ..checkpoint_weights import load_file, part_of, put_weights, weights_of
from ..class_of import class_of
from ..plan import Plan, SiteRef
from .network_config_files import is_pretrained
from .state_dict import refuse_old_names

_NETWORKS = 'networks'
# Options that name a checkpoint, in MMSegmentation's backbones and in timm's.
_FILES = ('pretrained', 'checkpoint_path')


@dataclass(frozen=True)
class Origin:
    """A network of a cooperative model's checkpoint.

    Attributes:
        path: The checkpoint.
        network: The network's name there.
        weights: All weights of the checkpoint by name.
    """

    path: str
    network: str
    weights: Mapping[str, Tensor]

    def site(self, ref: SiteRef) -> SiteRef:
        """Name of a site of the network in the other model."""
        return ref._replace(network=self.network)


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
    return ConfigDict(found)


def _without_pretrained(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_without_pretrained, value))
    if not isinstance(value, Mapping):
        return deepcopy(value)
    found = {k: _without_pretrained(v) for k, v in value.items() if k not in _FILES}
    if isinstance(value.get('pretrained', _default(value)), bool):
        found['pretrained'] = False
    init = found.pop('init_cfg', None)
    several = isinstance(init, list | tuple)
    left = [x for x in (init if several else [init]) if x and not is_pretrained(x)]
    return found | ({'init_cfg': left if several else left[0]} if left else {})


def _default(config: Mapping[str, Any]) -> Any:
    """Default of ``pretrained``: True in MMSegmentation's TIMMBackbone."""
    cls = class_of(config.get('type'))
    if not isinstance(cls, type):
        return None
    argument = inspect.signature(cls).parameters.get('pretrained')
    return argument and argument.default


def load_networks(
    networks: Mapping[str, nn.Module], inits: Mapping[str, Mapping[str, Any]]
) -> dict[str, Origin]:
    """Load the checkpoints that networks start from.

    Returns:
        Origin of each network loaded from a cooperative checkpoint, by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no checkpoint, or one of another architecture, or has
            no such network.
    """
    files: dict[str, dict[str, Tensor]] = {}
    origins: dict[str, Origin] = {}
    for name, init in inits.items():
        path, key, network = init['checkpoint'], init['key'], networks[name]
        if path not in files:
            files[path] = weights_of(load_file(path, key, type(network).__name__))
            refuse_old_names(files[path], f'{key}: {path}')
        weights = files[path]
        chosen = _choose(weights, name, init)
        if chosen is not None:
            origins[name] = Origin(path, chosen, weights)
            weights = part_of(weights, f'{_NETWORKS}.{chosen}')
        put_weights(network, weights, f'{key}: {path}', init['partial'])
    return origins


def load_connections(plan: Plan, origins: Mapping[str, Origin]) -> None:
    """Load the connectors between networks that come from one checkpoint.

    Connectors that the checkpoint does not have keep their initial weights.

    Raises:
        ValueError: If a connector is of another architecture, or is missing and would
            never be trained.
    """
    for connection in plan.connections:
        refs = (*connection.sources, *connection.targets)
        found = [origins.get(ref.network) for ref in refs]
        if None in found or len({origin.path for origin in found}) > 1:
            continue
        for ours in connection.modules:
            origin = origins[ours.target.network]
            source = f'networks.{ours.target.network}.init: {origin.path}'
            theirs = ours._replace(target=origin.site(ours.target))
            module = plan.get_submodule(ours.name.removeprefix('plan.'))
            weights = part_of(origin.weights, theirs.name)
            if weights:
                put_weights(module, weights, f'{source}: {theirs.name}')
            elif not any(p.requires_grad for p in module.parameters()):
                raise ValueError(
                    f'{source}: has no {theirs.name}, which would not be trained '
                    f"either: '{connection}' is between frozen networks; expected a "
                    f'checkpoint with {ours.name}, or leave the connection out'
                )


def _choose(
    weights: Mapping[str, Tensor], name: str, init: Mapping[str, Any]
) -> str | None:
    """Choose the network of a checkpoint; None if it has only one."""
    source = f'{init["key"]}: {init["checkpoint"]}'
    names = list(
        dict.fromkeys(k.split('.')[1] for k in weights if k.startswith(f'{_NETWORKS}.'))
    )
    wanted = init.get('network')
    if not names:
        if wanted is None:
            return None
        raise ValueError(
            f'{source} is a checkpoint of one network, found network={wanted!r}; leave '
            'it out'
        )
    if (wanted or name) not in names:
        raise ValueError(
            f'{source} has the networks {", ".join(names)}, and not {wanted or name}; '
            f'expected dict(checkpoint=..., network={names[0]!r}) or another of them'
        )
    return wanted or name
