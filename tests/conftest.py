"""Fixtures are in helpers/fixtures.py: who only hands out tests imports nothing."""

import contextlib
import multiprocessing
import os
import sys

import pytest

from helpers.fast_python import PYTHONS, serve


def pytest_configure(config):
    """Load fixtures, or serve Pythons: to the workers of pytest-xdist, and as them."""
    if getattr(config.option, 'numprocesses', None):
        served = contextlib.ExitStack()
        pythons = list(map(str, served.enter_context(serve())))
        os.environ[PYTHONS] = os.pathsep.join(pythons)
        config.option.tx = [f'{spec}//python={pythons[0]}' for spec in config.option.tx]
        config.add_cleanup(served.close)
        return
    if hasattr(config, 'workerinput'):
        sys.executable = config.workerinput['python']
        multiprocessing.set_executable(sys.executable)
    config.pluginmanager.import_plugin('helpers.fixtures')


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell a worker the Python of this process, which has imported nothing."""
    node.workerinput['python'] = sys.executable
