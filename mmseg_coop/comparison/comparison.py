"""Compare methods: means over seeds, gains over baselines, and their significance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..cost.cost import Cost
from ..evaluation.method_names import METHODS
from ..training_options import changed_option
from .paper import PaperRow, paper_rows
from .runs import Run, told_apart
from .statistics import Interval, bootstrap, interval, mean_interval, p_value


@dataclass(frozen=True)
class Method:
    """Runs of one method with different seeds; the label is its name in tables."""

    label: str
    runs: tuple[Run, ...]

    @property
    def network(self) -> str:
        """Name of the network, such as ``DANet``."""
        return self.runs[0].meta.get('network', '')

    @property
    def kind(self) -> str:
        """Kind of method: ``single``, ``ensemble``, or the pattern of connections."""
        return self.runs[0].meta.get('method', '')

    @property
    def tta(self) -> bool:
        """True if tested with test-time augmentation."""
        return bool(self.runs[0].meta.get('tta'))

    @property
    def trained(self) -> bool:
        """True if it was trained; otherwise it recombines networks of other methods."""
        return self.runs[0].trained

    @property
    def several(self) -> bool:
        """True if its runs have results of several predictions."""
        run = self.runs[0]
        return bool(run.results.pairs) and run.prediction is None

    @cached_property
    def mious(self) -> np.ndarray:
        """mIoU of each run in percent."""
        return np.array([run.results.miou() for run in self.runs])

    @property
    def miou(self) -> float:
        return float(self.mious.mean())

    @property
    def std(self) -> float | None:
        """Standard deviation over seeds (of a sample); None with one seed."""
        return float(self.mious.std(ddof=1)) if len(self.runs) > 1 else None

    @property
    def interval(self) -> Interval | None:
        """95 % confidence interval of the mean IoU over seeds; None with one seed."""
        return mean_interval(self.mious)

    @cached_property
    def iou(self) -> np.ndarray:
        """IoU of each class in percent, averaged over runs, (C,)."""
        return np.mean([run.results.iou() for run in self.runs], axis=0)

    @cached_property
    def bootstrap(self) -> np.ndarray:
        """mIoU of bootstrap samples of images, in percent."""
        results = [run.results for run in self.runs]
        return bootstrap([r.areas[r.configured] for r in results])

    @property
    def seeds(self) -> list[Any]:
        """Seed of each run; networks that were trained apart have several."""
        return [run.seed for run in self.runs]

    def with_seeds(self, seeds: Sequence[Any]) -> 'Method':
        """Keep only the runs with these seeds, in this order."""
        if seeds == self.seeds:
            return self
        runs = dict(zip(self.seeds, self.runs, strict=True))
        return replace(self, runs=tuple(runs[seed] for seed in seeds))


@dataclass(frozen=True)
class Gain:
    """Gain of a method over a baseline, in points of mIoU.

    Attributes:
        points: Difference of mIoU.
        interval: Its 95 % confidence interval over images.
        p_value: p of a t-test over seeds, paired where both have the same, and for
            ensembles of the baseline's networks with the mean of these; None with less
            than three or without any spread, and for ensembles that have networks in
            common with each other, or some of them with the baseline.
    """

    points: float
    interval: Interval
    p_value: float | None

    @property
    def significant(self) -> bool:
        """Tell whether the gain is significant, over images and over seeds."""
        low, high = self.interval
        # Of one image there is no interval.
        over_images = low < high and not low <= 0 <= high
        return over_images and self.p_value is not None and self.p_value < 0.05


@dataclass(frozen=True)
class Comparison:
    """Methods evaluated on the same images.

    Attributes:
        methods: The methods, grouped by network, in the paper's order.
        baselines: Labels of the methods that others are compared with, one for each
            network, by the name of the baseline.
        costs: Measured costs of methods, by label.
    """

    methods: tuple[Method, ...]
    baselines: Mapping[str, Sequence[str]]
    costs: Mapping[str, Cost] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        return self.methods[0].runs[0].results.classes

    @property
    def dataset(self) -> str:
        return self.methods[0].runs[0].meta.get('dataset', '')

    @property
    def paper(self) -> list[PaperRow]:
        """The paper's rows for this dataset and these networks."""
        networks = {method.network for method in self.methods}
        return [row for row in paper_rows(self.dataset) if row.network in networks]

    def baseline(self, method: Method, kind: str) -> Method | None:
        """Find a method's baseline: of the same network, with or without TTA as well.

        A baseline itself is compared only with the baselines listed before its own.
        """
        for name, labels in self.baselines.items():
            if method.label in labels:
                return None
            if name == kind:
                alike = (method.network, method.tta)
                found = (m for m in self.methods if (m.network, m.tta) == alike)
                return next((m for m in found if m.label in labels), None)
        return None

    def compared(self, method: Method, kind: str) -> tuple[Method, Method, bool] | None:
        """Find what is compared: a method and its baseline; None without one.

        In an unfinished study they have different seeds: both are reduced to those
        that they share, if there are any, or to ensembles and the networks they join.
        True if their runs are paired so.
        """
        baseline = self.baseline(method, kind)
        if baseline is None:
            return None
        seeds = [seed for seed in method.seeds if seed in baseline.seeds]
        if seeds:
            return method.with_seeds(seeds), baseline.with_seeds(seeds), True
        members = _with_members(method, baseline)
        return (*members, True) if members else (method, baseline, False)

    def gain(self, method: Method, kind: str) -> Gain | None:
        """Compute the gain of a method over a baseline; None without one."""
        found = self.compared(method, kind)
        if found is None:
            return None
        own, other, paired = found
        # Paired runs may share networks, as two predictions of a pair do.
        independent = _independent(own) if paired else _independent(own, other)
        mious = other.mious
        if paired:
            # Of an ensemble, the mean of its own networks.
            mious = mious.reshape(len(own.runs), -1).mean(1)
        return Gain(
            own.miou - other.miou,
            interval(own.bootstrap - other.bootstrap),
            p_value(own.mious, mious, paired) if independent else None,
        )

    def best(self, network: str) -> Method:
        """The method of a network with the highest mIoU."""
        methods = [method for method in self.methods if method.network == network]
        return max(methods, key=lambda method: method.miou)


def compare(
    runs: Sequence[Run], baselines: Mapping[str, Sequence[str]] | None = None
) -> Comparison:
    """Group runs into methods by their label, or else by their config.

    Args:
        runs: Results on the same images.
        baselines: Labels of the baselines, by the baseline's name. Default: the single
            network and the ensemble of each network.

    Raises:
        ValueError: If runs of one name are of two methods, or have the same seed.
    """
    groups: dict[str, list[Run]] = {}
    for run in told_apart(runs):
        groups.setdefault(run.title('name'), []).append(run)
    for name, group in groups.items():
        _check_seeds(name, group)
    labels = _labels(groups)
    methods = [Method(labels[name], tuple(group)) for name, group in groups.items()]
    networks = list(dict.fromkeys(method.network for method in methods))
    # Other kinds come after those of the paper.
    methods.sort(
        key=lambda m: (networks.index(m.network), (*METHODS, m.kind).index(m.kind))
    )
    if baselines is None:
        kinds = ('single', 'ensemble')
        baselines = {kind: _first_of_kind(methods, kind) for kind in kinds}
    return Comparison(tuple(methods), baselines)


def _independent(*methods: Method) -> bool:
    """False if a network is in several runs, as in ensembles that overlap."""
    runs = [run for method in methods for run in method.runs]
    found = [checkpoint for run in runs for checkpoint in run.checkpoints]
    return len(set(found)) == len(found)


def _with_members(ensembles: Method, networks: Method) -> tuple[Method, Method] | None:
    """Reduce ensembles and their networks to those of which both have runs.

    A network is there as often as it is joined. None if there is no such ensemble, or
    if they are of different sizes, which give each network another weight.
    """
    seeds = {run.checkpoints: run.seed for run in networks.runs}
    members = {
        run.seed: [seeds.get((checkpoint,)) for checkpoint in run.checkpoints]
        for run in ensembles.runs
    }
    members = {seed: own for seed, own in members.items() if None not in own}
    if len({len(own) for own in members.values()}) != 1:
        return None
    joined = [seed for own in members.values() for seed in own]
    return ensembles.with_seeds([*members]), networks.with_seeds(joined)


def _first_of_kind(methods: Sequence[Method], kind: str) -> list[str]:
    """Find the first method of a kind for each network, preferring trained ones."""
    found: dict[tuple[str, bool], str] = {}
    for method in sorted(methods, key=lambda m: not m.trained):
        if method.kind == kind and method.runs[0].prediction is None:
            found.setdefault((method.network, method.tta), method.label)
    return list(found.values())


def _check_seeds(name: str, group: Sequence[Run]) -> None:
    """Check that runs of a method differ only by their seeds."""
    seen: dict[Any, Run] = {}
    for run in group:
        for key in ('network', 'method'):
            found, expected = run.meta.get(key), group[0].meta.get(key)
            if found != expected:
                raise ValueError(
                    f'{run.file}: {key} {found}, not {expected} as {group[0].file}, '
                    f'but both are called {name}; give them other names, NAME=RUN'
                )
        if run.label is None and run is not group[0]:
            _check_trained_alike(group[0], run)
        seed = run.seed
        if seed in seen:
            raise ValueError(
                f'{run.file} and {seen[seed].file} are both called {name} and have '
                f'the seed {seed}; give them other names, NAME=RUN, or leave one out'
            )
        seen[seed] = run


def _check_trained_alike(first: Run, run: Run) -> None:
    """Check that two runs of one name were trained and tested alike, where it shows."""
    tested = [one.file.stem.startswith('test') for one in (first, run)]
    if tested[0] != tested[1]:
        raise ValueError(
            f'{run.file} and {first.file} are both called {run.title("name")}, but one '
            'is of a test and one of a validation; test both, or name them, NAME=RUN'
        )
    both = not run.joined and first.begun_with and run.begun_with
    key = both and changed_option(first.begun_with, run.begun_with)
    if key:
        raise ValueError(
            f'{run.file} and {first.file} are both called {run.title("name")}, but '
            f'were trained with another {key}; give them other names, NAME=RUN, or '
            'the same name if they belong together'
        )


def _labels(groups: dict[str, list[Run]]) -> dict[str, str]:
    """Choose the shortest labels that differ, by name of the group."""
    for keys in (['method'], ['network', 'method']):
        labels = {name: runs[0].title(*keys) for name, runs in groups.items()}
        if len(set(labels.values())) == len(labels):
            return labels
    return {name: name for name in groups}
