"""Keep messages of other packages that nobody can act on off the screen."""

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout

_LINES = ('Could not import OneDL',)
_MESSAGES = ('Fail to import ``MultiScaleDeformableAttention``',)
_MODULES = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'timm')


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Hide what OpenMMLab's packages print about optional parts when imported."""
    printed = io.StringIO()
    with warnings.catch_warnings():
        for message in _MESSAGES:
            warnings.filterwarnings('ignore', message=message)
        try:
            with redirect_stdout(printed):
                yield
        finally:
            lines = printed.getvalue().splitlines(keepends=True)
            rest = [line for line in lines if line.strip() not in _LINES]
            sys.stdout.write(''.join(rest))


def silence_foreign_warnings() -> None:
    """Hide warnings of the packages below this one, for command line tools."""
    for module in _MODULES:
        for category in (UserWarning, DeprecationWarning, FutureWarning):
            warnings.filterwarnings(
                'ignore', category=category, module=rf'{module}(\.|$)'
            )


def quiet_exporters() -> AbstractContextManager[None]:
    """Keep exporters from logging whole graphs, and what they could not make faster."""
    names = ('torch', 'onnxscript', 'onnx_ir')
    return quiet_loggers(*map(logging.getLogger, names))


@contextmanager
def quiet_loggers(
    *loggers: logging.Logger, level: int = logging.CRITICAL
) -> Iterator[None]:
    """Have loggers log nothing below a level meanwhile."""
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(max(level, logger.level))
    try:
        yield
    finally:
        for logger, own in zip(loggers, before, strict=True):
            logger.setLevel(own)
