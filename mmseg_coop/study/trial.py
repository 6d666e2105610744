"""A trial: one method of a grid with one seed."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mmengine.config import Config
from mmseg.registry import MODELS

from ..apis import load_config
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.resume import last_checkpoint
from ..config_types import is_type
from ..evaluation.results import Results
from ..models.expect import expect
from ..models.mean_of_probabilities import MEAN
from ..models.resolve import resolve
from ..models.segmentors import CooperativeEncoderDecoder
from ..models.segmentors.network_names import name_networks
from ..training_options import changed_option
from .grid import Entry, Grid, Seed

RECORD = 'run.json'
FAILED = 'failed.txt'
OUTPUT = 'output.txt'
# Of a test, in its work dir and its record.
RESULTS = Path('results', 'test.npz')


@dataclass(frozen=True, eq=False)
class Trial:
    """One method of a grid with one seed, as in Optuna and Ray Tune.

    Its state is that of its files. Each is written completely or not at all, so that a
    study may be killed at any moment:

    .. code:: text

        WORK_DIR/METHOD/seed_0/            work dir of the training run
            plan/METHOD.py, plan/run.json    its config and options
            weights.pth | .safetensors       the tested weights, once it has ended
            tests/SPLIT/                     work dir of a test
            failed.txt                       reason why the last attempt failed
        RECORDS/SPLIT/METHOD/seed_0/       results, curves, config, run.json
    """

    grid: Grid
    entry: Entry
    seed: Seed
    folder: Path
    records: Path
    # The trials whose checkpoints it needs.
    sources: tuple['Trial', ...] = ()

    @property
    def name(self) -> str:
        return f'{self.entry.name}/{self.folder.name}'

    @property
    def weights(self) -> Path | None:
        """The checkpoint to test, once the training run has ended."""
        return next(filter(Path.is_file, self.folder.glob('weights.*')), None)

    @property
    def failure(self) -> str | None:
        """Reason why the last attempt failed, or None."""
        path = self.folder / FAILED
        return path.read_text().strip() if path.is_file() else None

    @property
    def finished(self) -> bool:
        """True if the results of all splits are recorded."""
        if self.entry.predict:
            return self.sources[0].finished
        return all(map(self.recorded, self.grid.splits))

    @property
    def ready(self) -> bool:
        """True if the checkpoints that it needs are there."""
        return all(source.weights for source in self.sources)

    def recorded(self, split: str) -> bool:
        """Tell whether the results of a split are recorded, with these options."""
        record = self.record(split)
        options = self.grid.splits[split]
        self._check(record / RECORD, record, split_options=_as_json(options))
        return (record / RECORD).is_file()

    def record(self, split: str) -> Path:
        """The folder of the record of a split."""
        tested = self.sources[0] if self.entry.predict else self
        return self.records / split / tested.name

    def work_dir(self, split: str | None = None) -> Path:
        """The work dir of the training run, or of the test of a split."""
        return self.folder / 'tests' / split if split else self.folder

    def config_file(self, split: str | None = None) -> Path:
        """The config file of the training run, or of the test of a split."""
        return self.work_dir(split) / 'plan' / f'{self.entry.name}.py'

    def argument(self, split: str) -> str:
        """Argument of ``tools/compare.py`` for the results of a split."""
        network = f':{self.entry.predict}' if self.entry.predict else ''
        return f'{self.entry.name}={self.record(split)}{network}'

    def miou(self) -> float:
        """Read the mIoU of the first split in percent."""
        record = self.record(next(iter(self.grid.splits)))
        return Results.load(record / RESULTS).miou(self.entry.predict)

    def config(self, split: str | None = None) -> Config:
        """Make the config of the training run, or of the test of a split."""
        entry = self.entry
        base = self.grid.entries[entry.of] if entry.of else entry
        seed = self.seed[0] if isinstance(self.seed, tuple) else self.seed
        options = {**base.options, **entry.options, 'randomness.seed': seed}
        options |= self.grid.splits[split] if split else {}
        try:
            config = load_config(str(base.config), options, str(self.work_dir(split)))
        except ValueError as error:
            key = f'splits.{split}' if split else f'methods.{entry.name}.options'
            text = str(error).removeprefix('--cfg-options ')
            raise ValueError(f'{self.grid.file}: {key}: {text}') from None
        if entry.networks:
            config.model.num_networks = len(self.sources)
            config.model.networks_init = [str(s.weights) for s in self.sources]
        elif entry.networks_init:
            weights = {s.entry.name: str(s.weights) for s in self.sources}
            config.model.networks_init = [weights.get(n) for n in entry.networks_init]
        return config

    @property
    def identity(self) -> dict[str, Any]:
        """Options that its results depend on, written to ``run.json``."""
        entry, base = self.entry, self.grid.file.parent
        options = dict(
            method=entry.name,
            seed=self.seed,
            config=entry.config and os.path.relpath(entry.config, base),
            options=dict(entry.options),
            networks=entry.networks,
            of=entry.of,
            # None, as in records without this key.
            networks_init=entry.networks_init or None,
            checkpoint=self.grid.checkpoint,
            half=self.grid.half,
            # What its weights come from may be trained again with other options.
            sources=[source.identity for source in self.sources],
        )
        return _as_json(options)

    def write_config(self, split: str | None = None) -> None:
        """Write the config of the training run, or of the test of a split."""
        # A test has the weights of the training run, so that this counts for it, too.
        self._check(self.config_file().with_name(RECORD), self.folder)
        self._check_config()
        file = self.config_file(split)
        files = AtomicBackend()
        files.put_text(self.config(split).pretty_text, file)
        text = json.dumps(self.identity, indent=2)
        files.put_text(f'{text}\n', file.with_name(RECORD))

    def _check_config(self) -> None:
        """Check that the config is that with which the training run has begun."""
        file = self.config_file()
        begun = self.weights or last_checkpoint(self.folder)
        if not begun or not file.is_file():
            return
        key = changed_option(Config.fromfile(file), self.config())
        if key:
            raise ValueError(
                f'{self.folder}: {key} of the config has changed since this training '
                f'run began with {file}; delete the folder or rename the method'
            )

    def checkpoint(self) -> Path:
        """Find the selected checkpoint of a finished training run."""
        kind = self.grid.checkpoint
        name = last_checkpoint(self.folder) if kind == 'last' else self._best()
        found = self.folder.glob(name) if name else []
        newest = max(found, key=os.path.getmtime, default=None)
        if newest is None:
            raise FileNotFoundError(
                f'{self.folder}: the training run has left no {kind} checkpoint'
            )
        return newest

    def _best(self) -> str:
        """Pattern of the names of the best checkpoints, by the first ``save_best``."""
        hooks = self.config().get('default_hooks') or {}
        keys = (hooks.get('checkpoint') or {}).get('save_best')
        if isinstance(keys, str) or not keys:
            return 'best_*.pth'
        return f'best_{keys[0].replace("/", "_")}_*.pth'

    def lock(self) -> TextIO | None:
        """Lock the trial for this process; None if another process has the lock.

        Child processes that inherit the open file keep the lock, such as a training run
        that outlives its study.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / '.lock').open('w')
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def _check(self, path: Path, folder: Path, **test: Any) -> None:
        """Check that a ``run.json``, if there, has the options of this grid."""
        if not path.is_file():
            return
        options = {**self.identity, **test}
        # Without keys of later versions.
        found = {**options, 'networks_init': None, **json.loads(path.read_text())}
        for key, expected in options.items():
            if found[key] != expected:
                raise ValueError(
                    f'{path}: {key}: found {found[key]!r}, but the grid says '
                    f'{expected!r}; delete {folder} or rename the method'
                )


def _as_json(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they are read from a JSON file, without tuples."""
    return json.loads(json.dumps(options, default=str))


def make_trials(grid: Grid, work_dir: Path, records: Path) -> list[Trial]:
    """List the trials of a grid: every method with its first seed, then its next ones.

    So an unfinished study has results of every method.
    """
    trials: dict[tuple[str, Seed], Trial] = {}
    for entry in grid.entries.values():
        for seed in entry.seeds:
            seeds = seed if entry.networks else (seed,)
            sources = tuple(trials[name, s] for name in entry.sources for s in seeds)
            several = 's' if entry.networks else ''
            name = f'seed{several}_{"_".join(map(str, seeds))}'
            folder = work_dir / entry.name / name
            trial = Trial(grid, entry, seed, folder, records, sources)
            trials[entry.name, seed] = trial
        # Wrong options are named before the first training.
        for split in (None, *grid.splits):
            config = trials[entry.name, entry.seeds[0]].config(split)
        if entry.predict:
            _check_predict(entry, config, f'{grid.file}: methods.{entry.name}')
    return sorted(trials.values(), key=lambda t: t.entry.seeds.index(t.seed))


def _check_predict(entry: Entry, config: Config, where: str) -> None:
    """Check that a model predicts what an entry selects."""
    several = is_type(config.model, CooperativeEncoderDecoder, MODELS)
    valid = f'a method with several networks, not {entry.of}'
    expect(f'{where}.of', entry.of, several, valid)
    if resolve(config.model.type, MODELS) is not CooperativeEncoderDecoder:
        # A sub-class may give its networks other names.
        return
    networks = config.model.get('networks'), config.model.get('num_networks')
    names = [*name_networks(*networks), MEAN]
    valid = f'one of {", ".join(names)}'
    expect(f'{where}.predict', entry.predict, entry.predict in names, valid)
