"""Run a tool within the process of the tests: a process of its own takes seconds."""

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import mmseg

TOOLS = Path(__file__).parents[2] / 'tools'
HOST_TOOLS = Path(mmseg.__file__).parent / '.mim' / 'tools'


@dataclass
class Done:
    """Exit code and output of a tool."""

    returncode: int
    stdout: str
    stderr: str


def run_tool(name, folder, arguments, monkeypatch, capsys, tools=TOOLS) -> Done:
    """Run ``tools/<name>``, or one of MMSegmentation's tools, in a folder."""
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, 'argv', [name, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(tools / name), run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
    return Done(code, *capsys.readouterr())
