"""Fixtures are in helpers/fixtures.py: who only hands out tests imports nothing."""

import contextlib
import os

from helpers.fast_python import PYTHONS, serve


def pytest_configure(config):
    """Load fixtures, or serve Pythons to the workers of pytest-xdist."""
    workers = getattr(config.option, 'numprocesses', None)
    if hasattr(config, 'workerinput') or not workers:
        config.pluginmanager.import_plugin('helpers.fixtures')
        return
    served = contextlib.ExitStack()
    executables = served.enter_context(serve())
    os.environ[PYTHONS] = os.pathsep.join(map(str, executables))
    config.add_cleanup(served.close)
