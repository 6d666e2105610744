"""Methods side by side: means over seeds, gains, and their significance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..cost.cost import Cost
from ..evaluation.method_names import METHODS
from .paper import PaperRow, paper_rows
from .runs import Run
from .statistics import (
    Interval,
    bootstrap_miou,
    interval,
    mean_interval,
    paired_p_value,
)

BASELINES = ('single', 'ensemble')
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Method:
    """Runs of one method, which differ by their seeds.

    Attributes:
        label: Its name in tables.
        runs: Its runs.
    """

    label: str
    runs: tuple[Run, ...]

    @property
    def network(self) -> str:
        return self.runs[0].results.meta.get('network', '')

    @property
    def kind(self) -> str:
        """``single``, ``ensemble``, ``same``, ``multi``, ..."""
        return self.runs[0].results.meta.get('method', '')

    @property
    def tta(self) -> bool:
        """True if images were augmented at test time."""
        return bool(self.runs[0].results.meta.get('tta'))

    @property
    def trained(self) -> bool:
        """True if it was trained; otherwise it recombines networks of other methods."""
        return self.runs[0].trained

    @property
    def several(self) -> bool:
        """True if its runs have predictions beside the selected one."""
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
        """mIoU of resampled images."""
        results = [run.results for run in self.runs]
        return bootstrap_miou([r.areas[r.configured] for r in results])

    def with_seeds(self, seeds: Sequence[int]) -> 'Method':
        """The method with its runs of these seeds only."""
        runs = [run for run in self.runs if run.results.meta.get('seed') in seeds]
        return self if len(runs) == len(self.runs) else replace(self, runs=tuple(runs))

    def by_seed(self) -> dict[int, float]:
        """mIoU by seed."""
        seeds = [run.results.meta.get('seed') for run in self.runs]
        return dict(zip(seeds, self.mious.tolist(), strict=True))


@dataclass(frozen=True)
class Gain:
    """Gain of a method over a baseline.

    Attributes:
        points: Difference of the mean IoU, in points.
        interval: Its 95 % confidence interval over images.
        p_value: Of a paired t-test over the seeds both have; None with less than two.
    """

    points: float
    interval: Interval
    p_value: float | None

    @property
    def significant(self) -> bool:
        """Tell whether the gain is significant, over images and over seeds."""
        over_seeds = self.p_value is not None and self.p_value < _SIGNIFICANT
        return self.interval.without_zero and over_seeds


@dataclass(frozen=True)
class Comparison:
    """Methods that were evaluated on the same images.

    Attributes:
        methods: The methods, those of a network together, in the paper's order.
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
        return self.methods[0].runs[0].results.meta.get('dataset', '')

    @property
    def paper(self) -> list[PaperRow]:
        """The paper's rows for this dataset and these networks."""
        networks = {method.network for method in self.methods}
        return [row for row in paper_rows(self.dataset) if row.network in networks]

    def baseline(self, method: Method, kind: str) -> Method | None:
        """Find the baseline of a method's network.

        A baseline itself is compared with those before it only, the single network with
        nothing. Images are augmented at test time for both, or for neither.
        """
        for name, labels in self.baselines.items():
            if method.label in labels:
                return None
            if name == kind:
                break
        alike = (method.network, method.tta)
        own = (m for m in self.methods if (m.network, m.tta) == alike)
        labels = self.baselines.get(kind, ())
        return next((other for other in own if other.label in labels), None)

    def gain(self, method: Method, kind: str) -> Gain | None:
        """Compute the gain of a method over a baseline; None without one."""
        baseline = self.baseline(method, kind)
        if baseline is None:
            return None
        own, others = method.by_seed(), baseline.by_seed()
        seeds = [seed for seed in own if seed in others]
        if seeds:
            # An unfinished study has fewer of some methods.
            method, baseline = method.with_seeds(seeds), baseline.with_seeds(seeds)
        return Gain(
            method.miou - baseline.miou,
            interval(method.bootstrap - baseline.bootstrap),
            paired_p_value([own[s] for s in seeds], [others[s] for s in seeds]),
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
        baselines: Labels of what methods are compared with, by the baseline's name.
            Default: the single network and the ensemble of each network.

    Raises:
        ValueError: If runs of one name are of two methods, or of one seed.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.name + _mark(run), []).append(run)
    for name, group in groups.items():
        _check_seeds(name, group)
    labels = _labels(groups)
    methods = [Method(labels[name], tuple(group)) for name, group in groups.items()]
    networks = list(dict.fromkeys(method.network for method in methods))
    order = {kind: i for i, kind in enumerate(METHODS)}
    methods.sort(
        key=lambda m: (networks.index(m.network), order.get(m.kind, len(order)))
    )
    if baselines is None:
        baselines = {kind: _first_of_kind(methods, kind) for kind in BASELINES}
    return Comparison(tuple(methods), baselines)


def _first_of_kind(methods: Sequence[Method], kind: str) -> list[str]:
    """Labels of a kind's first method for each network, trained ones preferred."""
    found: dict[tuple[str, bool], str] = {}
    for method in sorted(methods, key=lambda m: not m.trained):
        if method.kind == kind and method.runs[0].prediction is None:
            found.setdefault((method.network, method.tta), method.label)
    return list(found.values())


def _mark(run: Run) -> str:
    """Mark of a label for augmentation at test time."""
    return ' (TTA)' if run.results.meta.get('tta') else ''


def _check_seeds(name: str, group: Sequence[Run]) -> None:
    """Runs of a method differ by their seeds, and by nothing else."""
    first = group[0]
    seeds: dict[int, Run] = {}
    for run in group:
        for key in ('network', 'method'):
            found, expected = (r.results.meta.get(key) for r in (run, first))
            if found != expected:
                raise ValueError(
                    f'{run.file}: {key} {found}, not {expected} as {first.file}, but '
                    f'both are called {name}; give them other names, NAME=RUN'
                )
        seed = run.results.meta.get('seed')
        if seed in seeds:
            raise ValueError(
                f'{run.file} and {seeds[seed].file} are both called {name} and have '
                f'the seed {seed}; give them other names, NAME=RUN, or leave one out'
            )
        seeds[seed] = run


def _labels(groups: dict[str, list[Run]]) -> dict[str, str]:
    """Short names that still tell the groups apart."""
    meta = {name: group[0].results.meta for name, group in groups.items()}
    kinds = {
        name: f'{m.get("method", name)} {groups[name][0].chosen}'.strip()
        + _mark(groups[name][0])
        for name, m in meta.items()
    }
    full = {name: f'{m.get("network", "")} {kinds[name]}' for name, m in meta.items()}
    for labels in (kinds, full):
        named = {n: n if groups[n][0].label else label for n, label in labels.items()}
        if len(set(named.values())) == len(named):
            return named
    return {name: name for name in groups}
