import logging

import pytest
from mmengine.logging import MMLogger
from mmseg.structures import SegDataSample

from mmseg_coop.engine import SkippedDataHook


@pytest.fixture
def lines():
    """What is logged."""
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    others, logger.handlers = logger.handlers, [handler]
    yield found
    logger.handlers = others


def batch(*skipped):
    samples = [SegDataSample(metainfo=dict(skipped=s) if s else {}) for s in skipped]
    return dict(data_samples=samples)


def test_each_file_is_named_once_and_counted(lines):
    hook = SkippedDataHook()
    hook.before_train_iter(None, 0, batch(None, ['a.png: is empty']))
    hook.before_train_iter(None, 1, batch(['b.png: x', 'a.png: is empty'], None))
    assert lines == ['Skipped: a.png: is empty', 'Skipped: b.png: x']
    hook.after_train(None)
    assert lines[2:] == ['Skipped 2 samples:\n  2 x a.png: is empty\n  1 x b.png: x']


def test_nothing_is_said_about_whole_data(lines):
    hook = SkippedDataHook()
    hook.before_train_iter(None, 0, batch(None, None))
    hook.after_train(None)
    assert lines == []
