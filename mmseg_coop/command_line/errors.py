"""Ends of the tools when something goes wrong: one line and an exit code."""

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
# Where PyTorch's launcher, which starts each process with it, looks for its error.
ERROR_FILE = 'TORCHELASTIC_ERROR_FILE'
# What a process says when another one has gone.
_LOST = re.compile(
    'Connection (closed|reset)|Broken pipe|NCCL|gloo.transport|remote process'
)
# As shells say it of a program that Ctrl-C has ended.
_INTERRUPTED = 130
# Seconds that another process may take to end, and the launcher to notice.
_PATIENCE = 10


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line where config, data or a checkpoint is at fault.

    So does Ctrl-C. Any other error is a bug, and shown with its traceback. Setting the
    environment variable MMSEG_COOP_TRACEBACK shows where the others were raised, too.
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
                # The launcher blames the process that ends first: not this one.
                time.sleep(_PATIENCE)
            raise SystemExit(2 if message else 1) from None
        if message is None:
            raise
        print(message, file=sys.stderr)
        raise SystemExit(2) from None


def _message(error: Exception) -> str | None:
    text = config_error(error)
    if text is None and isinstance(error, OSError | ValueError):
        # Without a message it is no better than a bug.
        text = str(error) or None
    if text is None:
        return None
    return f'error: {text}\n(set {TRACEBACK}=1 to see where it was raised)'


def _report(text: str) -> None:
    path = Path(os.environ[ERROR_FILE])
    path.parent.mkdir(parents=True, exist_ok=True)
    # It takes the earliest of several.
    error = dict(message=text, extraInfo=dict(timestamp=int(time.time())))
    path.write_text(json.dumps(dict(message=error)))
