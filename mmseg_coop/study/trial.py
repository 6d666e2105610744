"""A trial: one method of a grid with one seed."""

import fcntl
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from mmengine.config import Config

from ..apis import load_config
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.resume import last_checkpoint
from ..evaluation.results import Results
from .grid import Entry, Grid, Seed

RECORD = 'run.json'
FAILED = 'failed.txt'
OUTPUT = 'output.txt'
# Folder of tests in work dirs and in the records.
TEST = 'val'
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
            tests/val/                       work dir of the test
            failed.txt                       reason why the last attempt failed
        RECORDS/val/METHOD/seed_0/         results, curves, config, run.json
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
        return next(self.folder.glob('weights.*'), None)

    @property
    def failure(self) -> str | None:
        """Reason why the last attempt failed, or None."""
        path = self.folder / FAILED
        return path.read_text().strip() if path.is_file() else None

    @property
    def finished(self) -> bool:
        """True if results with these options are recorded."""
        if self.entry.predict:
            return self.sources[0].finished
        self._check(self.record / RECORD, self.record)
        return (self.record / RECORD).is_file()

    @property
    def ready(self) -> bool:
        """True if the checkpoints that it needs are there."""
        return all(source.weights for source in self.sources)

    @property
    def record(self) -> Path:
        """The folder of its record."""
        tested = self.sources[0] if self.entry.predict else self
        return self.records / TEST / tested.name

    def work_dir(self, test: bool = False) -> Path:
        """The work dir of the training run, or of the test."""
        return self.folder / 'tests' / TEST if test else self.folder

    def config_file(self, test: bool = False) -> Path:
        """The config file of the training run, or of the test."""
        return self.work_dir(test) / 'plan' / f'{self.entry.name}.py'

    @property
    def argument(self) -> str:
        """Argument of ``tools/compare.py`` for its results."""
        network = f':{self.entry.predict}' if self.entry.predict else ''
        return f'{self.entry.name}={self.record}{network}'

    @cached_property
    def miou(self) -> float:
        """Its mIoU in percent, once it is finished."""
        return Results.load(self.record / RESULTS).miou(self.entry.predict)

    def config(self, test: bool = False) -> Config:
        """Make the config of the training run, or of the test."""
        entry = self.entry
        base = self.grid.entries[entry.of] if entry.of else entry
        seed = self.seed[0] if isinstance(self.seed, tuple) else self.seed
        options = {**base.options, **entry.options, 'randomness.seed': seed}
        try:
            config = load_config(str(base.config), options, str(self.work_dir(test)))
        except ValueError as error:
            where = f'{self.grid.file}: methods.{entry.name}.options'
            text = str(error).removeprefix('--cfg-options ')
            raise ValueError(f'{where}: {text}') from None
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
        )
        # As they are read from a JSON file, without tuples.
        return json.loads(json.dumps(options, default=str))

    def write_config(self, test: bool = False) -> None:
        """Write the config of the training run, or of the test."""
        # A test has the weights of the training run, so that this counts for it, too.
        self._check(self.config_file().with_name(RECORD), self.folder)
        file = self.config_file(test)
        files = AtomicBackend()
        files.put_text(self.config(test).pretty_text, file)
        text = json.dumps(self.identity, indent=2)
        files.put_text(f'{text}\n', file.with_name(RECORD))

    def checkpoint(self) -> Path:
        """Find the last checkpoint of a finished training run."""
        path = self.folder / last_checkpoint(self.folder)
        if not path.is_file():
            raise FileNotFoundError(
                f'{self.folder}: the training run has left no checkpoint'
            )
        return path

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

    def _check(self, path: Path, folder: Path) -> None:
        """Check that a ``run.json``, if there, has the options of this grid."""
        found = json.loads(path.read_text()) if path.is_file() else self.identity
        for key, expected in self.identity.items():
            if found.get(key) != expected:
                raise ValueError(
                    f'{path}: {key}: found {found.get(key)!r}, but the grid says '
                    f'{expected!r}; delete {folder} or rename the method'
                )


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
        trials[entry.name, entry.seeds[0]].config()
    return sorted(trials.values(), key=lambda t: t.entry.seeds.index(t.seed))
