"""Docstrings in reStructuredText, as the code has them, for a site in Markdown."""

import re
from textwrap import indent
from typing import Any

import griffe

_ROLE = re.compile(r':(?:class|func|meth):(`[^`]+`)')
_CODE = re.compile(r'^( *)\.\. code:: \w+\n((?:\n|\1 +.*\n?)*)', re.M)


class ToMarkdown(griffe.Extension):
    """Replace roles and code directives."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object before it is parsed."""
        if obj.docstring:
            text = _ROLE.sub(r'\1', obj.docstring.value)
            obj.docstring.value = _CODE.sub(_indented, text)


def _indented(code: re.Match) -> str:
    """Indent code as Markdown's lists want it, by a multiple of four."""
    return indent(code[2], ' ' * (-len(code[1]) % 4))
