from rich.console import Console

from mmseg_coop.evaluation.comparison_table import (
    comparison,
    markdown_table,
    rich_table,
)

NAN = float('nan')
RESULTS = {
    'single': {'mIoU': 40.0, 'road': 80.04, 'pole': 0.0, 'bus': NAN},
    'same': {'mIoU': 42.5, 'road': 80.01, 'pole': 5.0, 'bus': NAN},
}


def test_table():
    header, rows = comparison(RESULTS)
    assert header == ['', 'single', 'same']
    assert rows == [
        ['mIoU', '40.0', '**42.5**'],
        ['gain over single', '', '+2.5'],
        ['road', '**80.0**', '80.0'],
        ['pole', '0.0', '**5.0**'],
        ['bus', '-', '-'],
    ]


def test_outputs():
    header, rows = comparison(RESULTS)
    assert markdown_table(header, rows).splitlines()[:3] == [
        '|  | single | same |',
        '| --- | --: | --: |',
        '| mIoU | 40.0 | **42.5** |',
    ]
    console = Console(width=80, record=True)
    console.print(rich_table(header, rows))
    text = console.export_text()
    assert '42.5' in text and '*' not in text
