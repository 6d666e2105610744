"""The files and commands of docs/your-own-model.md, with two iterations of training.

And the grid of docs/comparing.md, which trains these files.
"""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from mmseg_coop.datasets.toy_scene import ToyScene
from mmseg_coop.study import read_grid

from helpers.run_tool import run_tool

DOCS = Path(__file__).parents[2] / 'docs'
PAGE = (DOCS / 'your-own-model.md').read_text()
TITLED = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.M | re.S)
FILES = dict(TITLED.findall(PAGE))
COMMANDS = re.findall(r'^python -m mmseg_coop (\w+) (.*)$', PAGE, re.M)


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, text in FILES.items():
        text = text.replace('=300', '=2').replace('num_images=200', 'num_images=4')
        (tmp_path / name).write_text(text.replace('batch_size=8', 'batch_size=2'))
    Image.fromarray(ToyScene(0, 64, 96).image).save(tmp_path / 'photo.jpg')
    return tmp_path


def test_the_commands_run(folder, monkeypatch, capsys):
    shown = {}
    for tool, arguments in COMMANDS:
        arguments = shlex.split(arguments.replace('iter_300', 'iter_2'))
        done = run_tool(f'{tool}.py', folder, arguments, monkeypatch, capsys)
        assert done.returncode == 0, done.stderr
        shown[tool] = done.stdout
    assert list(shown) == ['analyze', 'train', 'compare', 'predict']
    plan = re.search(r'^```text\n(top\..*?)^```$', PAGE, re.M | re.S)[1]
    assert plan in shown['analyze']
    assert 'same' in (folder / 'table.md').read_text()
    assert (folder / 'graph' / 'graph.svg').is_file()
    written = {path.name for path in (folder / 'predictions').rglob('photo*')}
    assert written == {'photo.jpg', 'photo_disagreement.png', 'photo_entropy.png'}


def test_the_grid_is_read(folder):
    ((name, text),) = TITLED.findall((DOCS / 'comparing.md').read_text())
    (folder / name).write_text(text)
    grid = read_grid(folder / name)
    assert list(grid.entries) == ['single', 'ensemble', 'same']
    assert all(entry.trained for entry in grid.entries.values())
