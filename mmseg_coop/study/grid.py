"""A grid: the methods and seeds of a study, read from a small config file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..wording import first_line

_KEYS = ('methods', 'seeds', 'options', 'splits', 'checkpoint', 'half', 'baselines')
_METHOD_KEYS = (
    'config',
    'options',
    'seeds',
    'networks',
    'networks_init',
    'of',
    'predict',
)
# Names of folders, and of methods in NAME=RUN.
_NAME = re.compile(r'[\w.+-]+')

# A seed, or those of networks that were trained apart.
Seed = int | tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A method of a grid.

    Attributes:
        name: Name of the method.
        config: Its config file; None if it tests another entry (``of``).
        options: Options that override the config's.
        seeds: Its seeds, one run each.
        networks: The entry whose separately trained networks it joins.
        networks_init: For each network the entry whose checkpoint with the same seed
            it starts from, or None.
        of: The entry whose checkpoints it tests with other options.
        predict: The network (or ``mean``) of that entry whose prediction is tested.
    """

    name: str
    config: Path | None
    options: Mapping[str, Any]
    seeds: tuple[Seed, ...]
    networks: str | None = None
    networks_init: tuple[str | None, ...] = ()
    of: str | None = None
    predict: str | None = None

    @property
    def trained(self) -> bool:
        """True if it is trained; otherwise it is only tested."""
        return not (self.networks or self.of)

    @property
    def sources(self) -> tuple[str, ...]:
        """The entries whose checkpoints it needs."""
        names = self.networks, self.of, *self.networks_init
        return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True)
class Grid:
    """Methods and seeds that a study trains and tests.

    Attributes:
        file: The file it was read from.
        entries: The methods by name.
        splits: Options of the test of each split, by the split's name.
        checkpoint: ``last``, or ``best`` by the config's ``save_best``.
        half: Whether only weights in half precision are kept, and tested.
        baselines: Names of the methods that others are compared with, by the
            baseline's name. Default: the single network and the ensemble.
    """

    file: Path
    entries: Mapping[str, Entry]
    splits: Mapping[str, Mapping[str, Any]]
    checkpoint: str = 'last'
    half: bool = False
    baselines: Mapping[str, list[str]] | None = field(default=None)

    @property
    def name(self) -> str:
        return self.file.stem


def read_grid(path: Path) -> Grid:
    """Read a grid.

    .. code:: python

        seeds = [0, 1, 2]
        options = {'train_cfg.max_iters': 4000}  # of all methods
        methods = dict(
            single=dict(config='../coop/danet_r18_single_camvid.py'),
            wide=dict(
                config='../coop/danet_r18_single_camvid.py',
                options={'model.backbone.base_channels': 46},
            ),
            same=dict(config='../coop/danet_r18_same_camvid.py', seeds=[0, 1]),
            # Only tested: they recombine networks that are trained above.
            same_top=dict(of='same', predict='top'),
            same_slide=dict(of='same', options={'model.test_cfg.mode': 'slide'}),
            apart=dict(
                config='../coop/danet_r18_ensemble_camvid.py',
                networks='single',
                seeds=[(0, 1)],
            ),
            # Starts from checkpoints that are trained above.
            taught=dict(
                config='../coop/danet_r18_distilled_camvid.py',
                networks_init=['same', 'same', None],
            ),
        )

    Paths of configs are relative to the grid's file. Variables that start with ``_``
    are ignored.

    Raises:
        FileNotFoundError: If the grid or one of its configs is missing.
        ValueError: If a key is wrong; the message names it.
    """
    if not path.is_file():
        raise FileNotFoundError(f'there is no grid {path}')
    try:
        content = Config.fromfile(path).to_dict()
    except Exception as error:
        # A config is Python code, which may raise anything.
        text = f'{path} can not be read as a grid ({first_line(error)})'
        raise ValueError(text) from error
    content = {key: v for key, v in content.items() if not key.startswith('_')}
    _check_keys(path, '', content, _KEYS)
    methods = content.get('methods')
    if not isinstance(methods, dict) or not methods:
        raise ValueError(
            f'{path}: methods: found {methods!r}, expected a dict of methods by name'
        )
    entries: dict[str, Entry] = {}
    for name, method in methods.items():
        entries[name] = _entry(path, name, method, content, entries)
    splits = content.get('splits', {'val': {}})
    checkpoint, half = content.get('checkpoint', 'last'), content.get('half', False)
    if checkpoint not in ('last', 'best'):
        raise ValueError(
            f"{path}: checkpoint: found {checkpoint!r}, expected 'last' or 'best'"
        )
    if not isinstance(splits, dict) or not splits or not all(map(_is_name, splits)):
        raise ValueError(
            f"{path}: splits: found {splits!r}, expected a dict of each test's options "
            'by its name, as in dict(val={})'
        )
    baselines = content.get('baselines')
    for labels in (baselines or {}).values():
        for label in labels:
            _check_entry(path, 'baselines', label, entries)
    return Grid(path, entries, splits, checkpoint, bool(half), baselines)


def _entry(
    path: Path, name: str, method: Any, grid: dict, known: Mapping[str, Entry]
) -> Entry:
    where = f'methods.{name}'
    if not _is_name(name):
        raise ValueError(
            f'{path}: {where}: expected a name of letters, digits, _, -, + and dots'
        )
    if not isinstance(method, dict):
        raise ValueError(f'{path}: {where}: found {method!r}, expected a dict')
    _check_keys(path, where, method, _METHOD_KEYS)
    networks, of = method.get('networks'), method.get('of')
    for key in ('networks', 'of'):
        if method.get(key) is not None:
            _check_trained(path, f'{where}.{key}', method[key], known)
    inits = tuple(method.get('networks_init', ()))
    for init in inits:
        if init is not None:
            _check_trained(path, f'{where}.networks_init', init, known)
    if inits and (networks or of):
        raise ValueError(
            f'{path}: {where}.networks_init: only of a method that is trained'
        )
    if ('config' in method) == (of is not None) or ('predict' in method and not of):
        raise ValueError(
            f'{path}: {where}: found {", ".join(method)}; expected config (to be '
            'trained, or with networks joined from another method), or of (another '
            'method, tested with other options, or predict of one of its networks)'
        )
    seeds = method.get('seeds', known[of].seeds if of else grid.get('seeds'))
    seeds = tuple(tuple(s) if isinstance(s, list) else s for s in seeds or ())
    _check_seeds(path, where, seeds, bool(networks))
    config = None
    if 'config' in method:
        config = path.parent / method['config']
        if not config.is_file():
            raise FileNotFoundError(f'{path}: {where}: there is no config {config}')
    options = {**grid.get('options', {}), **method.get('options', {})}
    entry = Entry(
        name, config, options, seeds, networks, inits, of, method.get('predict')
    )
    for source in entry.sources:
        _check_source_seeds(path, where, entry, known[source])
    return entry


def _check_seeds(path: Path, where: str, seeds: tuple, several: bool) -> None:
    right = [
        isinstance(seed, tuple) and len(seed) > 1 and all(map(_is_seed, seed))
        if several
        else _is_seed(seed)
        for seed in seeds
    ]
    if not seeds or not all(right) or len(set(seeds)) < len(seeds):
        kind = 'groups of seeds, as in [(0, 1)]' if several else 'different integers'
        raise ValueError(f'{path}: {where}.seeds: found {seeds!r}, expected {kind}')


def _check_source_seeds(path: Path, where: str, entry: Entry, source: Entry) -> None:
    used = {s for seed in entry.seeds for s in (seed if entry.networks else (seed,))}
    if not used <= set(source.seeds):
        raise ValueError(
            f'{path}: {where}.seeds: found {sorted(used)}, but {source.name} is '
            f'trained with {list(source.seeds)}'
        )


def _check_trained(path: Path, where: str, name: str, known: Mapping) -> None:
    _check_entry(path, where, name, known)
    if not known[name].trained:
        raise ValueError(f'{path}: {where}: {name} is not trained itself')


def _check_entry(path: Path, where: str, name: str, known: Mapping) -> None:
    if name not in known:
        raise ValueError(
            f'{path}: {where}: found {name!r}, expected one of the methods above it: '
            f'{", ".join(known) or "there is none"}'
        )


def _check_keys(path: Path, where: str, found: Mapping, expected: tuple) -> None:
    unknown = [key for key in found if key not in expected]
    if unknown:
        key = f'{where}.{unknown[0]}' if where else unknown[0]
        raise ValueError(f'{path}: {key}: no such key; expected {", ".join(expected)}')


def _is_seed(seed: Any) -> bool:
    return isinstance(seed, int) and not isinstance(seed, bool)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
