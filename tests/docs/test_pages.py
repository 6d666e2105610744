"""Pages of the documentation: links and drawings."""

import re
import runpy
from pathlib import Path

import pytest

from mmseg_coop.models.plan import PATTERNS

REPO = Path(__file__).parents[2]
PATTERN_PAGES = REPO / 'docs' / 'patterns'
DRAWING = runpy.run_path(str(PATTERN_PAGES / 'draw.py'))
LINK = re.compile(r'\]\(([^)#:]+)(?:#[^)]*)?\)')
TEXT = re.compile(r'<text .*?>([^<]*)</text>')


@pytest.mark.parametrize('name', ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])
def test_links_lead_to_files(name):
    """Links in docs/ are checked when the site is built."""
    links = LINK.findall((REPO / name).read_text())
    assert [link for link in links if not (REPO / link).exists()] == []


def test_the_readme_links_to_the_guides():
    links = set(LINK.findall((REPO / 'README.md').read_text()))
    assert {'docs/index.md', 'docs/your-own-model.md', 'docs/patterns.md'} <= links


def test_every_pattern_has_a_page_with_its_drawing():
    overview = LINK.findall((REPO / 'docs' / 'patterns.md').read_text())
    # Other tests register some, too.
    ours = (n for n, f in PATTERNS.module_dict.items() if 'mmseg_coop' in f.__module__)
    for name in ours:
        assert f'patterns/{name}.md' in overview
        page = (PATTERN_PAGES / f'{name}.md').read_text()
        assert f"pattern='{name}'" in page and f'{name}.svg' in LINK.findall(page)


@pytest.mark.parametrize('name', DRAWING['PICTURES'])
def test_a_drawing_is_what_is_drawn(name, tmp_path):
    """Networks, sites, channels and connections; fonts may lie otherwise."""
    drawn = TEXT.findall(DRAWING['draw'](name, tmp_path).read_text())
    assert len(drawn) > 10
    assert TEXT.findall((PATTERN_PAGES / f'{name}.svg').read_text()) == drawn
