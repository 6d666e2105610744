"""Networks given as config files: read them, and put their contents in their place."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.model import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS

from ..data_preprocessors import PADDING
from ..resolve import resolve

# Keys of an entry of ``networks`` that are not passed to the network's class.
OWN_KEYS = ('name', 'init', 'frozen', 'inputs', 'loss_weight', 'data_preprocessor')
_FILE, _DELETE = 'config', '_delete_'


def flatten_networks(config: Config) -> None:
    """Replace networks that a config gives as files by the contents of these.

    Args:
        config: A whole config, which is changed; of any model.
    """
    model = config.get('model')
    for key, place in _places(model):
        entry = model.networks[place]
        path = _file_of(entry)
        if path is not None:
            _add_imports(config, _read(path, key).get('custom_imports'))
            model.networks[place] = ConfigDict(flat_entry(entry, key))


def segmentor_configs(model: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The segmentors of a model's config by their key, as in ``networks.top``."""
    common = {key: value for key, value in model.items() if key != 'networks'}
    found = {
        key: merge_network(common, flat_entry(model['networks'][place], key))
        for key, place in _places(model)
    }
    return found or {'': model}


def flat_entry(entry: Any, key: str) -> dict[str, Any]:
    """An entry of ``networks``, with the contents of its file in the file's place.

    ``_delete_`` marks that it takes nothing from the model's common keys.

    An entry is None, a file, or a dict that may have one as its ``config``.
    """
    path = _file_of(entry)
    over = dict(entry) if isinstance(entry, Mapping) else {}
    over.pop(_FILE, None)
    if path is None:
        return over
    model = _read(path, key).get('model')
    if not isinstance(model, Mapping):
        raise ValueError(f'{key}: {path} has no model')
    return {**merge_network(model_entry(model), over), _DELETE: True}


def model_entry(model: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a segmentor's whole config into an entry of ``networks``."""
    # MMEngine notes the package in what is inherited from another one.
    model = {key: value for key, value in model.items() if key != '_scope_'}
    preprocessor = model.pop('data_preprocessor', None) or {}
    # Images are padded for all networks alike, as the model says.
    preprocessor = {k: v for k, v in preprocessor.items() if k not in PADDING}
    if preprocessor:
        model['data_preprocessor'] = preprocessor
    return {**_plain(model), _DELETE: True}


def merge_network(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a network's own options over a segmentor's config.

    Pretrained weights of a backbone of another type are left out.
    """
    over = dict(over)
    base = {} if over.pop(_DELETE, False) else dict(base)
    if _differ(base.get('backbone'), over.get('backbone')):
        base.pop('pretrained', None)
    # A network of another class still has the same parts.
    kind = over.pop('type', base.pop('type', None))
    # EncoderDecoder sets attributes of it.
    return ConfigDict(_merge(base, over), **({} if kind is None else {'type': kind}))


def is_pretrained(init: Any) -> bool:
    """Tell whether an ``init_cfg`` loads a checkpoint."""
    kind = init.get('type') if isinstance(init, Mapping) else None
    return resolve(kind, WEIGHT_INITIALIZERS) is PretrainedInit


def _places(model: Any) -> list[tuple[str, Any]]:
    """Keys of a model's networks, and where they are found in ``networks``."""
    networks = model.get('networks') if isinstance(model, Mapping) else None
    if isinstance(networks, Mapping):
        return [(f'networks.{name}', name) for name in networks]
    if isinstance(networks, list):
        return [(f'networks[{i}]', i) for i in range(len(networks))]
    return []


def _file_of(entry: Any) -> str | None:
    return entry.get(_FILE) if isinstance(entry, Mapping) else entry


def _read(path: str, key: str) -> Config:
    try:
        if '::' in str(path):
            # MMEngine looks for configs of packages where one inherits from them.
            return Config.fromstring(f'_base_ = {path!r}', '.py')
        return Config.fromfile(path)
    except Exception as error:
        # A config is code, and can raise anything.
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        text = f'{key}: {path} can not be read as a config ({reason})'
        if '::' in str(path):
            text += '; in Python, call mmseg_coop.apis.enable_config_scopes() first'
        raise ValueError(text) from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested configs: one of another type replaces what was there."""
    if over.get(_DELETE) or _differ(base, over):
        return _plain(over)
    merged = _plain(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merge(base[key], value) if both else _plain(value)
    return merged


def _differ(base: Any, over: Any) -> bool:
    """Tell whether the types of two configs are of different classes."""
    parts = [part for part in (base, over) if isinstance(part, Mapping)]
    kinds = [part['type'] for part in parts if part.get('type')]
    return len({resolve(kind) or kind for kind in kinds}) > 1


def _plain(value: Any) -> Any:
    """A copy of a nested config, as plain dicts, lists and tuples."""
    if isinstance(value, Mapping):
        return {k: _plain(item) for k, item in value.items() if k != _DELETE}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return deepcopy(value)


def _add_imports(config: Config, imports: Mapping[str, Any] | None) -> None:
    """Have a config import what a network's file does."""
    if imports is None:
        return
    own = config.setdefault('custom_imports', ConfigDict(imports=[]))
    names: list[str] = []
    for found in (own.imports, imports.imports):
        names += [found] if isinstance(found, str) else found
    own.imports = list(dict.fromkeys(names))
