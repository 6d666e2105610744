"""Build a module of a config, and of what the model tells it."""

import inspect
from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from .expect import expect
from .resolve import resolve


def build_module(
    key: str, config: Mapping[str, Any], inferred: Mapping[str, Any]
) -> nn.Module:
    """Build a module that users may have registered.

    Args:
        key: Place of its config, for errors.
        config: Its ``type`` and options.
        inferred: Options that the model knows; the class has to take them.
    """
    kind = config.get('type')
    cls = resolve(kind)
    expect(f'{key}.type', kind, cls is not None, 'a class in the registry MODELS')
    known = inspect.signature(cls).parameters
    takes = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    expected = f'a class that is built with {", ".join(inferred)}'
    expect(f'{key}.type', kind, takes or known.keys() >= inferred.keys(), expected)
    for option in sorted(inferred.keys() & config.keys()):
        expected = 'no such option: the model gives it'
        expect(f'{key}.{option}', config[option], False, expected)
    try:
        return MODELS.build({**config, **inferred})
    except ValueError as error:
        # It knows what it is, and not its place in the config.
        what, text = key.rpartition('.')[2], str(error)
        if text.startswith((f'{what}.', f'{what}:')):
            error.args = (f'{key}{text.removeprefix(what)}',)
        raise
