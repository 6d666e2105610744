"""A grid: the methods and seeds of a study, read from a small config file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..models.expect import expect
from ..wording import first_line

_SHARED = ('methods', 'seeds', 'options')
_OWN = ('splits', 'checkpoint', 'half', 'baselines')
# A seed, or those of networks that were trained apart.
Seed = int | tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A method of a grid, with the keys of :func:`read_grid`.

    ``config`` is None if it tests another entry (``of``), whose ``options`` are set
    first, then its own; otherwise ``options`` has those of all methods as well.
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
    """Methods and seeds that a study trains and tests, read by :func:`read_grid`."""

    file: Path
    entries: Mapping[str, Entry]
    splits: Mapping[str, Mapping] = field(default_factory=lambda: {'val': {}})
    checkpoint: str = 'last'
    half: bool = False
    baselines: Mapping[str, list[str]] | None = None

    @property
    def name(self) -> str:
        return self.file.stem


def read_grid(path: Path) -> Grid:
    """Read a grid.

    .. code:: python

        seeds = [0, 1, 2]
        options = {'train_cfg.max_iters': 4000}  # of all methods
        # Options of each test. Default: dict(val={}).
        splits = dict(val={}, slide={'model.test_cfg.mode': 'slide'})
        checkpoint = 'best'  # by the config's first save_best. Default: 'last'.
        half = True  # Keep and test only weights in half precision.
        # Others are compared with these. Default: the single network and the ensemble.
        baselines = {'single': ['single'], 'wide': ['wide']}
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
            # Starts, network by network, from checkpoints with the same seed.
            taught=dict(
                config='../coop/danet_r18_distilled_camvid.py',
                networks_init=['same', 'same', None],
                seeds=[0, 1],
            ),
        )

    Paths of configs are relative to the grid's file. Variables that start with ``_``
    are ignored.

    Raises:
        FileNotFoundError: If one of its configs is missing.
        ValueError: If it can't be read, or a key is wrong; the message names it.
    """
    try:
        content = Config.fromfile(path).to_dict()
    except Exception as error:
        # A grid is code, and can raise anything.
        text = f'{path} can not be read as a grid ({first_line(error)})'
        raise ValueError(text) from error
    content = {key: v for key, v in content.items() if not key.startswith('_')}
    _check_keys(f'{path}: ', content, [*_SHARED, *_OWN])
    methods = content.get('methods')
    if not methods or not isinstance(methods, dict):
        raise ValueError(f'{path}: methods: expected a dict of methods by name')
    entries: dict[str, Entry] = {}
    for name, method in methods.items():
        entries[name] = _entry(path, name, method, content, entries)
    grid = Grid(path, entries, **{key: content[key] for key in _OWN if key in content})
    known = grid.checkpoint in ('last', 'best')
    expect(f'{path}: checkpoint', grid.checkpoint, known, "'last' or 'best'")
    splits = grid.splits
    several = isinstance(splits, dict) and splits
    valid = several and all(isinstance(test, dict) for test in splits.values())
    kind = "a dict of each test's options by its name, as in dict(val={})"
    expect(f'{path}: splits', splits, valid, kind)
    baselines = grid.baselines or {}
    kind = "a dict of methods by the baseline's name, as in {'single': ['single']}"
    expect(f'{path}: baselines', baselines, isinstance(baselines, dict), kind)
    for labels in baselines.values():
        for label in labels:
            _check_known(f'{path}: baselines', label, entries)
    return grid


def _entry(
    path: Path, name: str, method: dict, grid: dict, known: Mapping[str, Entry]
) -> Entry:
    where = f'{path}: methods.{name}'
    _check_keys(f'{where}.', method, [f.name for f in fields(Entry)][1:])
    of, networks = method.get('of'), method.get('networks')
    inits = tuple(method.get('networks_init', ()))
    for source in filter(None, (of, networks, *inits)):
        _check_known(where, source, known)
        if not known[source].trained:
            raise ValueError(f'{where}: {source} is not trained itself')
    if (
        ('config' in method) == bool(of)
        or ('predict' in method and (not of or 'options' in method))
        or (inits and (of or networks))
    ):
        raise ValueError(
            f'{where}: found {", ".join(method)}; expected config (to be trained, from '
            'networks_init, or with networks joined from another method), or of '
            '(another method, tested with other options, or predict of one of its '
            'networks)'
        )
    config = path.parent / method['config'] if 'config' in method else None
    if config and not config.is_file():
        raise FileNotFoundError(f'{where}: there is no config {config}')
    seeds = method.get('seeds', known[of].seeds if of else grid.get('seeds', ()))
    listed = isinstance(seeds, list | tuple) and seeds
    if listed:
        seeds = tuple(tuple(s) if isinstance(s, list) else s for s in seeds)
    single = tuple if networks else int
    kind = 'groups of seeds, as in [(0, 1)]' if networks else 'integers'
    valid = listed and all(isinstance(seed, single) for seed in seeds)
    expect(f'{where}.seeds', seeds, valid, kind)
    options: dict[str, Any] = {}
    owners = [(f'{path}: ', grid), (f'{where}.', method)]
    for place, owner in owners[1:] if of else owners:
        own = owner.get('options') or {}
        expect(f'{place}options', own, isinstance(own, dict), 'a dict by config keys')
        options |= own
    predict = method.get('predict')
    entry = Entry(name, config, options, seeds, networks, inits, of, predict)
    used = {s for seed in seeds for s in (seed if networks else (seed,))}
    for source in entry.sources:
        trained = known[source].seeds
        if not used <= set(trained):
            raise ValueError(
                f'{where}.seeds: found {sorted(used)}, but {source} is trained with '
                f'{list(trained)}'
            )
    return entry


def _check_keys(where: str, found: Mapping, expected: Sequence[str]) -> None:
    for key in found:
        if key not in expected:
            raise ValueError(
                f'{where}{key}: no such key; expected {", ".join(expected)}'
            )


def _check_known(where: str, name: str, known: Mapping) -> None:
    methods = ', '.join(known) or 'there is none'
    expect(where, name, name in known, f'one of the methods above it: {methods}')
