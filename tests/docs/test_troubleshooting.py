"""The messages that docs/troubleshooting.md explains are those of the package."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PAGE = (REPO / 'docs' / 'troubleshooting.md').read_text()
QUOTED = re.findall(r'^\| .*?`([^`]+)`.*? \|', PAGE, re.M)
MESSAGES = [text for text in QUOTED if ' ' in text]


@cache
def texts() -> list[str]:
    """List all strings of the package but docstrings, with … for inserted values."""
    found = []
    for path in (REPO / 'mmseg_coop').rglob('*.py'):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if node in docstrings:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(part, 'value', None) for part in node.values)
                parts = (part if isinstance(part, str) else '…' for part in parts)
                found.append(''.join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@pytest.mark.parametrize('message', MESSAGES)
def test_a_message_is_given(message):
    # What is filled in may be written as an example.
    parts = [re.escape(part) for part in message.split('…')]
    assert any(re.search('.*'.join(parts), text, re.S) for text in texts())
