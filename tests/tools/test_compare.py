import subprocess
import sys
from pathlib import Path

from made_up import make_results, save_run

COMPARE = Path(__file__).parents[2] / 'tools' / 'compare.py'


def compare(folder, *arguments):
    command = [sys.executable, str(COMPARE), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_writes_each_format(tmp_path):
    for method, quality in (('single', 0.8), ('same', 0.9)):
        save_run(tmp_path / method, make_results(quality, method))
    files = [f'out/table{suffix}' for suffix in ('.md', '.csv', '.tex', '.json')]
    done = compare(tmp_path, 'single', 'same', '--out', *files)
    assert done.returncode == 0, done.stderr
    assert 'over single' in done.stdout
    for file in files:
        assert 'same' in (tmp_path / file).read_text()


def test_errors_are_one_line(tmp_path):
    (tmp_path / 'empty').mkdir()
    save_run(tmp_path / 'run', make_results(0.8))
    save_run(tmp_path / 'other', make_results(0.9, 'same'))
    for arguments, message in (
        (['empty'], 'empty: no results'),
        (['run', '--out', 'table.xls'], "'.xls', expected one of .md"),
        (['run', 'other', '--report', 'report'], 'is gone'),
    ):
        done = compare(tmp_path, *arguments)
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert done.stderr.startswith('error: ') and message in done.stderr
