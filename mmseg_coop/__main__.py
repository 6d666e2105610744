"""Run a tool: python -m mmseg_coop train CONFIG

The same as ``python tools/train.py CONFIG`` in a checkout; tools in folders are named
without them, shell scripts run, too: python -m mmseg_coop dist_train CONFIG 2
"""

import os
import runpy
import sys
from pathlib import Path

# In a checkout a link.
TOOLS = (Path(__file__).parent / '.mim' / 'tools').resolve()


def find_tools() -> dict[str, Path]:
    """Files of the tools by their name."""
    files = (path for path in TOOLS.rglob('*') if path.suffix in ('.py', '.sh'))
    return {path.stem: path for path in sorted(files)}


def main() -> None:
    """Run the tool that the first argument names with the others."""
    tools = find_tools()
    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name not in tools:
        asked_for_help = name in ('-h', '--help')
        usage = f'usage: python -m mmseg_coop TOOL ...\ntools: {", ".join(tools)}'
        wrong = '' if asked_for_help or not name else f'error: there is no tool {name}'
        print(usage, wrong, sep='\n', file=sys.stdout if asked_for_help else sys.stderr)
        sys.exit(0 if asked_for_help else 2)
    path = tools[name]
    if path.suffix == '.sh':
        # They call the Python that is found first.
        here = str(Path(sys.executable).parent)
        os.environ['PATH'] = os.pathsep.join([here, os.environ.get('PATH', '')])
        os.execvp('bash', ['bash', str(path), *sys.argv[2:]])
    sys.argv[:2] = [str(path)]
    runpy.run_path(str(path), run_name='__main__')


if __name__ == '__main__':
    main()
