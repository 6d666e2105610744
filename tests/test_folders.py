"""Imports between the folders of the package."""

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import mmseg_coop

PACKAGE = Path(mmseg_coop.__file__).parent


def imports(file: Path) -> set[str]:
    """Folders and modules at the top of the package that a file imports."""
    package = '.'.join(file.relative_to(PACKAGE.parent).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            name = resolve_name('.' * node.level + (node.module or ''), package)
            names = [f'{name}.{alias.name}'.split('.') for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == PACKAGE.name}
    return found


def test_none_imports_what_imports_it():
    graph = {}
    for folder in PACKAGE.iterdir():
        if folder.name.startswith(('.', '_')) or folder.suffix not in ('', '.py'):
            continue
        files = [folder] if folder.is_file() else folder.rglob('*.py')
        graph[folder.stem] = set().union(*map(imports, files)) - {folder.stem}
    # Raises an error that names a circle.
    order = list(TopologicalSorter(graph).static_order())
    assert {'engine', 'apis', 'deployment'} <= set(order)
    assert graph['models'] == set()
