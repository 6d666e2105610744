import pytest
from mmengine.logging import MMLogger
from mmseg.structures import SegDataSample

from mmseg_coop.engine import SkippedDataHook


@pytest.fixture(autouse=True)
def _logger(request, capsys):
    """One whose stream is that of the test."""
    MMLogger.get_instance(request.node.nodeid)


def batch(*skipped):
    samples = [SegDataSample(metainfo=dict(skipped=s) if s else {}) for s in skipped]
    return dict(data_samples=samples)


def test_each_file_is_named_once_and_counted(capsys):
    hook = SkippedDataHook()
    hook.before_train_iter(None, 0, batch(None, ['a.png: is empty']))
    assert 'Skipped: a.png: is empty' in capsys.readouterr().out
    hook.before_train_iter(None, 1, batch(['b.png: x', 'a.png: is empty'], None))
    assert 'a.png' not in capsys.readouterr().out
    hook.after_train(None)
    text = 'Skipped 2 samples:\n  2 x a.png: is empty\n  1 x b.png: x'
    assert text in capsys.readouterr().out


def test_nothing_is_said_about_whole_data(capsys):
    hook = SkippedDataHook()
    hook.before_train_iter(None, 0, batch(None, None))
    hook.after_train(None)
    assert capsys.readouterr().out == ''
