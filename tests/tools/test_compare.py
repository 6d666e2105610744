import functools

import pytest

from helpers.made_up import make_results, save_run
from helpers.run_tool import run_tool


@pytest.fixture
def compare(tmp_path, monkeypatch, capsys):
    run = functools.partial(run_tool, 'compare.py', tmp_path)
    return lambda *arguments: run(arguments, monkeypatch, capsys)


def test_writes_each_format(tmp_path, compare):
    for method, quality in (('single', 0.8), ('same', 0.9)):
        save_run(tmp_path / method, make_results(quality, method))
    files = [f'out/table{suffix}' for suffix in ('.md', '.csv', '.tex', '.json')]
    done = compare('single', 'same', '--out', *files)
    assert done.returncode == 0, done.stderr
    assert 'over single' in done.stdout
    for file in files:
        assert 'same' in (tmp_path / file).read_text()


def test_errors_are_one_line(tmp_path, compare):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'file').write_text('a file, no folder')
    save_run(tmp_path / 'run', make_results(0.8))
    save_run(tmp_path / 'other', make_results(0.9, 'same'))
    for arguments, message in (
        (['empty'], 'empty: no results'),
        (['run', '--out', 'table.xls'], "'.xls', expected one of .md"),
        (['run', 'other', '--report', 'report'], '--gallery 0'),
        (['run', '--out', 'file/table.md'], 'file'),
    ):
        done = compare(*arguments)
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert done.stderr.startswith('error: ') and message in done.stderr
