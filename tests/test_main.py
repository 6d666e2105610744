"""python -m mmseg_coop."""

import os
import sys

import pytest

from mmseg_coop import __main__ as command

from helpers.run_tool import TOOLS


def run(monkeypatch, *args) -> int:
    monkeypatch.setattr(sys, 'argv', ['mmseg_coop', *args])
    with pytest.raises(SystemExit) as end:
        command.main()
    return end.value.code


def test_every_tool_has_a_name():
    files = [path for path in TOOLS.rglob('*') if path.suffix in ('.py', '.sh')]
    tools = command.find_tools()
    assert sorted(tools.values()) == sorted(files)
    assert {'train', 'test', 'predict', 'compare', 'analyze'} <= set(tools)
    assert {'check_dataset', 'convert_checkpoint', 'print_config'} <= set(tools)


def test_runs_a_tool_with_its_arguments(monkeypatch, capsys):
    assert run(monkeypatch, 'predict', '--help') == 0
    assert 'usage: predict.py' in capsys.readouterr().out


def test_runs_a_shell_script_with_this_python(monkeypatch):
    monkeypatch.setenv('PATH', '/elsewhere')
    called = []

    def replace_process(file, args):
        called.append((file, args, os.environ['PATH']))
        raise SystemExit(0)

    monkeypatch.setattr(os, 'execvp', replace_process)
    run(monkeypatch, 'dist_train', 'a.py', '2')
    ((file, args, path),) = called
    assert (file, args[2:]) == ('bash', ['a.py', '2'])
    assert args[1] == str(TOOLS / 'dist_train.sh')
    assert path.split(os.pathsep)[0] == os.path.dirname(sys.executable)


@pytest.mark.parametrize('args', [[], ['foo']])
def test_names_the_tools(args, monkeypatch, capsys):
    assert run(monkeypatch, *args) == 2
    shown = capsys.readouterr().err
    assert 'compare, convert_checkpoint' in shown
    assert ('error: there is no tool foo' in shown) == bool(args)


def test_help(monkeypatch, capsys):
    assert run(monkeypatch, '--help') == 0
    assert capsys.readouterr().out.startswith('usage: python -m mmseg_coop TOOL')
