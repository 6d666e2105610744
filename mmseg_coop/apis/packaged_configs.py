"""Find configs of installed packages: ``mmseg::…`` and ``mmseg_coop::…``."""

from importlib.util import find_spec
from pathlib import Path

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.utils import get_installed_path, is_installed

OWN = 'mmseg_coop'


def enable_config_scopes() -> None:
    """Make ``_base_ = 'mmseg_coop::coop/…'`` and ``'mmseg::…'`` work in this process.

    MMEngine looks a scope up in a table of distributions before it imports anything
    that a config names. The table lacks this package, and for ``mmseg`` it has the
    distribution ``mmsegmentation`` only, not ``onedl-mmsegmentation``. The tools and
    ``load_config`` call this; call it before your own ``Config.fromfile``.
    """
    for module in [*MODULE2PACKAGE, OWN]:
        package = MODULE2PACKAGE.get(module)
        if find_spec(module) and not (package and is_installed(package)):
            # No distribution has this name: MMEngine then asks Python for the module,
            # and takes its folder, however the package was installed.
            MODULE2PACKAGE[module] = f'{module}.version'


def find_config(path: str) -> Path:
    """Find the file of a config.

    MMEngine's ``get_config`` would install a missing package; this does not.

    Args:
        path: A file, or ``<package>::<file below the package's configs>``.

    Raises:
        FileNotFoundError: If there is no such file or package.
    """
    package, scope, name = path.rpartition('::')
    if not scope:
        file = Path(path)
    elif package not in MODULE2PACKAGE or not is_installed(MODULE2PACKAGE[package]):
        raise FileNotFoundError(f'{path}: found no package {package} with configs')
    else:
        folder = get_installed_path(MODULE2PACKAGE[package])
        file = Path(folder) / '.mim' / 'configs' / name
    if not file.is_file():
        where = f' ({file})' if scope else ''
        raise FileNotFoundError(f'there is no config file {path}{where}')
    return file
