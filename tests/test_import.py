"""Importing the package registers classes, and changes nothing else in the process."""

import re
import subprocess
from pathlib import Path

import mmseg_coop

SCRIPT = """
import logging
import warnings

import mmengine.fileio.backends.registry_utils as backends
import mmseg.apis, mmseg.datasets, mmseg.engine, mmseg.evaluation, mmseg.models
import mmseg.visualization
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.runner import CheckpointLoader, Runner
from mmseg.models.segmentors import EncoderDecoder

def state():
    mapping = [
        CheckpointLoader._schemes, backends.backends, backends.prefix_to_backends,
        MODULE2PACKAGE, vars(EncoderDecoder), vars(Runner),
    ]
    return [*map(dict, mapping), list(warnings.filters), logging.raiseExceptions]

def changed(before):
    #Places of what was there and is another thing now.
    return [
        i for i, (a, b) in enumerate(zip(before, state()))
        if (any(b.get(k) is not v for k, v in a.items()) if i < 6 else a != b)
    ]

before = state()
import mmseg_coop
assert not changed(before), changed(before)
import mmseg_coop.checkpoints.safe
assert changed(before) == [0], changed(before)
"""


def test_only_asking_for_safe_loading_changes_how_checkpoints_load(fresh_python):
    done = subprocess.run([fresh_python, '-c', SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_package_needs_nothing_that_a_wheel_leaves_out():
    for path in Path(mmseg_coop.__file__).parent.rglob('*.py'):
        outside = re.search(
            r'^\s*(from|import) (benchmarks|tests)\b', path.read_text(), re.M
        )
        assert outside is None, path
