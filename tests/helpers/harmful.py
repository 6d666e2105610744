"""Checkpoints that create a folder when they are unpickled, in many ways."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Callable, *args: Any):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args

    def __call__(self):
        """So that what it gives can be called in turn."""


class State:
    """Acts in ``__setstate__``."""

    def __init__(self, path: str):
        self.path = path

    def __setstate__(self, state: dict) -> None:
        os.mkdir(state['path'])


WAYS: dict[str, Callable[[str], Any]] = {
    'mkdir': lambda path: Call(os.mkdir, path),
    'os.system': lambda path: Call(os.system, f'mkdir {path}'),
    'exec': lambda path: Call(exec, f'import os; os.mkdir({path!r})'),
    'eval': lambda path: Call(eval, f'__import__("os").mkdir({path!r})'),
    'getattr': lambda path: Call(Call(getattr, Call(__import__, 'os'), 'mkdir'), path),
    'builtins': lambda path: Call(
        Call(getattr, Call(__import__, 'builtins'), 'exec'),
        f'import os; os.mkdir({path!r})',
    ),
    '__setstate__': State,
    'object array': lambda path: np.array([Call(os.mkdir, path)], dtype=object),
}
PLACES = ('itself', 'state_dict', 'meta', 'optimizer', 'message_hub')
FORMATS: dict[str, Callable[[Any, Path], None]] = {
    'zip': torch.save,
    'legacy': lambda data, path: torch.save(
        data, path, _use_new_zipfile_serialization=False
    ),
    'zip, protocol 4': lambda data, path: torch.save(data, path, pickle_protocol=4),
    'pickle 0': lambda data, path: path.write_bytes(pickle.dumps(data, 0)),
    'pickle 2': lambda data, path: path.write_bytes(pickle.dumps(data, 2)),
    'pickle 5': lambda data, path: path.write_bytes(pickle.dumps(data, 5)),
}


def harmful_checkpoint(harm: Any, place: str = 'meta') -> Any:
    """A checkpoint as MMEngine's, with what harms in one of its places."""
    if place == 'itself':
        return harm
    checkpoint = dict(state_dict=dict(a=torch.zeros(1)), meta={}, message_hub={})
    checkpoint[place] = dict(checkpoint.get(place, {}), x=[harm])
    return checkpoint
