"""End a tool with a one-line error and an exit code."""

import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .config_errors import config_error

TRACEBACK = 'MMSEG_COOP_TRACEBACK'
# PyTorch's launcher sets it to the file in which it looks for a process's error.
ERROR_FILE = 'TORCHELASTIC_ERROR_FILE'
# Messages of a process whose connection to another one is lost.
_LOST = re.compile(
    'Connection (closed|reset)|Broken pipe|NCCL|gloo.transport|remote process'
)
# Exit code that shells give to programs ended by Ctrl-C.
_INTERRUPTED = 130
# Seconds in which the process at fault ends, and the launcher notices it.
_PATIENCE = 10


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line if config, data or a checkpoint is at fault.

    Ctrl-C also ends it with one line. Any other error is a bug, and is shown with its
    traceback. The environment variable MMSEG_COOP_TRACEBACK shows all tracebacks.
    """
    # On a full disk logging would print a stack trace for each line.
    logging.raiseExceptions = False
    try:
        yield
    except KeyboardInterrupt:
        print('Stopped; what was finished stays.', file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        message = None if os.environ.get(TRACEBACK) else _message(error)
        if os.environ.get(ERROR_FILE):
            text = message or traceback.format_exc()
            _report(text)
            if _LOST.search(text):
                # The launcher blames the process that ends first: let another be it.
                time.sleep(_PATIENCE)
            raise SystemExit(2 if message else 1) from None
        if message is None:
            raise
        print(message, file=sys.stderr)
        raise SystemExit(2) from None


def _message(error: Exception) -> str | None:
    text = config_error(error)
    if text is None and isinstance(error, OSError | ValueError):
        # An error without a message needs its traceback.
        text = str(error) or None
    if text is None:
        return None
    return f'error: {text}\n(set {TRACEBACK}=1 to see where it was raised)'


def _report(text: str) -> None:
    path = Path(os.environ[ERROR_FILE])
    path.parent.mkdir(parents=True, exist_ok=True)
    # The launcher shows the earliest error of several.
    error = dict(message=text, extraInfo=dict(timestamp=int(time.time())))
    path.write_text(json.dumps(dict(message=error)))
