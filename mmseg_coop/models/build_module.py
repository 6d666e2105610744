"""Build a module of a config, and of what the model tells it."""

import inspect
from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from .class_of import class_of
from .expect import expect


def build_module(
    key: str, config: Mapping[str, Any], inferred: Mapping[str, Any]
) -> nn.Module:
    """Build a module that users may have registered.

    Args:
        key: Place of its config, for errors.
        config: Its ``type`` and options.
        inferred: Options that the model knows; the class has to take them.

    Raises:
        ValueError: If the type is no class, does not take the inferred options, or
            makes no module, or an option is missing.
    """
    kind = config.get('type')
    cls = class_of(kind)
    expect(f'{key}.type', kind, callable(cls), 'a class in the registry MODELS')
    parameters = inspect.signature(cls).parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    takes = parameters.keys() >= inferred.keys() or Parameter.VAR_KEYWORD in kinds
    expected = f'a class that is built with {", ".join(inferred)}'
    name = getattr(cls, '__name__', repr(cls))
    expect(f'{key}.type', name, takes, expected)
    config = {**config, **inferred}
    for option, parameter in parameters.items():
        single = parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        if single and parameter.default is Parameter.empty and option not in config:
            raise ValueError(f'{key}.{option}: missing; {name} needs it')
    module = MODELS.build(config)
    if not isinstance(module, nn.Module):
        raise ValueError(f'{key}.type: {name} made {module!r}, expected a module')
    return module
