"""The lines of docs/options.md that print a plan."""

import re
from pathlib import Path

REPO = Path(__file__).parents[2]
PAGE = (REPO / 'docs' / 'options.md').read_text()
LINES = re.search(r'^```python\n(from [^`]*print\(model\.plan\)\n)```$', PAGE, re.M)[1]
LINE = re.compile(r'top\.(\S+) -> bottom\.\1 \((deep|late)\)')


def test_a_plan_is_printed(monkeypatch, capsys):
    monkeypatch.chdir(REPO)
    exec(LINES, {})
    printed = LINE.findall(capsys.readouterr().out)
    sites = [f'backbone.layer{i}' for i in range(1, 5)]
    sites += ['decode_head.aspp', 'decode_head.decoder']
    assert [site for site, _ in printed] == sites
    assert {kind for _, kind in printed} == {'deep', 'late'}
