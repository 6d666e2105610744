"""docs/study.md: its tables come from the records beside it."""

import json
import shutil
from pathlib import Path
from statistics import fmean

import pytest

from mmseg_coop.comparison.iou_tables import all_tables, summary_table
from mmseg_coop.comparison.table_formats import markdown, write
from mmseg_coop.study import compare_trials, make_trials, read_grid

from helpers.run_tool import run_tool

REPO = Path(__file__).parents[2]
RECORDS = REPO / 'docs' / 'study'
DOCUMENT = REPO / 'docs' / 'study.md'
GRIDS = [
    REPO / 'configs' / 'studies' / f'{path.name.removesuffix("_val_cost.json")}.py'
    for path in sorted(RECORDS.glob('*_cost.json'))
]


def test_there_are_records():
    assert GRIDS


@pytest.mark.parametrize('grid', GRIDS, ids=lambda grid: grid.stem)
def test_tables_come_from_the_records(grid, tmp_path):
    """Without data, checkpoints and measurements."""
    trials = make_trials(read_grid(grid), tmp_path, RECORDS)
    finished = [trial for trial in trials if trial.finished]
    comparison = compare_trials(finished, 'val', RECORDS)
    summary = markdown(summary_table(comparison)).strip()
    document = DOCUMENT.read_text().split(f'<!-- {grid.stem}_val: begin -->')[1]
    assert document.strip().startswith(summary)
    write(comparison, all_tables(comparison), tmp_path / 'tables.md')
    kept = RECORDS / f'{grid.stem}_val.md'
    assert (tmp_path / 'tables.md').read_text() == kept.read_text()


def test_the_tool_writes_the_document(tmp_path, monkeypatch, capsys):
    """Replaces older tables and figures between the marks."""
    grid = GRIDS[1]
    docs = tmp_path / 'docs'
    shutil.copytree(RECORDS, docs / 'study')
    name = f'{grid.stem}_val'
    (docs / 'study' / f'{name}_curves.png').write_bytes(b'an older figure')
    document = docs / 'study.md'
    head, rest = DOCUMENT.read_text().split(f'<!-- {name}: begin -->')
    tail = rest.split(f'<!-- {name}: end -->')[1]
    marks = f'<!-- {name}: begin -->\nan older table\n<!-- {name}: end -->'
    document.write_text(f'{head}{marks}{tail}')
    options = ['--records', docs / 'study', '--markdown', document, '--jobs', 0]
    done = run_tool('study.py', tmp_path, [grid, *options], monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    assert document.read_text() == DOCUMENT.read_text()
    pictures = {path.name for path in RECORDS.glob('*.png')}
    assert {path.name for path in docs.glob('study/*.png')} == pictures


def test_marks_are_named_where_they_are_missing(tmp_path, monkeypatch, capsys):
    document = tmp_path / 'study.md'
    document.write_text('# A study without marks\n')
    shutil.copytree(RECORDS, tmp_path / 'records')
    options = ['--records', 'records', '--markdown', document, '--jobs', 0]
    done = run_tool('study.py', tmp_path, [GRIDS[0], *options], monkeypatch, capsys)
    assert done.returncode == 2
    expected = f'study.md: expected the marks <!-- {GRIDS[0].stem}_val: begin -->'
    assert expected in done.stderr
    assert document.read_text() == '# A study without marks\n'


def test_knock_out_table():
    """Changes of mIoU with a connection switched off, in the document's order."""
    changes: dict[str, list[float]] = {}
    for path in sorted(RECORDS.glob('knock_out/*.json')):
        whole, *rows = json.loads(path.read_text())['rows']
        for row in rows:
            change = fmean(row['classes']) - fmean(whole['classes'])
            changes.setdefault(row['name'], []).append(change)
    text = DOCUMENT.read_text()
    table = text.split('| nothing arrives at')[1].split('\n\n')[0].splitlines()[2:]
    found = [line.split('|')[2].strip() for line in table]
    expected = [f'{fmean(values):+.2f}' for values in changes.values()]
    assert sorted(found) == sorted(expected)
