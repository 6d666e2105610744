"""Survey of the data of a config: its faults, and how often classes occur."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..config_types import is_type
from ..wording import first_of
from .binary_masks import binary_mask_fault
from .checks import EmptyDatasetError, check_dataset, leaf_datasets
from .fault_handling import recognise_faults
from .read_samples import Sample, read_samples, stray_labels

SPLITS = ('train', 'val', 'test')


@dataclass
class Split:
    """Findings of a split.

    Attributes:
        name: ``train``, ``val`` or ``test``; several that read the same data are
            joined, as in ``val, test``.
        classes: Names of the classes.
        ignore_index: The value of pixels that don't count.
        samples: What was found in each image.
        faults: What is wrong, a line each.
    """

    name: str
    classes: tuple[str, ...] = ()
    ignore_index: int = 255
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of each value, (256,)."""
        return sum((c for c in self._counts()), np.zeros(256, np.int64))

    @property
    def images(self) -> np.ndarray:
        """Images in which each value occurs, (256,)."""
        return sum((c > 0 for c in self._counts()), np.zeros(256, np.int64))

    @property
    def same_images(self) -> Iterator[list[str]]:
        """Images that are the same, to the pixel."""
        for samples in _by_digest(self.samples).values():
            paths = list(dict.fromkeys(sample.image for sample in samples))
            if len(paths) > 1:
                yield paths

    @property
    def missing_classes(self) -> list[str]:
        """Classes of which there is no pixel; none where nothing has labels."""
        pixels = self.pixels
        return [
            name
            for i, name in enumerate(self.classes)
            if self.has_labels and not pixels[i]
        ]

    @property
    def has_labels(self) -> bool:
        """True if any label could be read."""
        return any(sample.counts is not None for sample in self.samples)

    def _counts(self) -> Iterator[np.ndarray]:
        return (s.counts for s in self.samples if s.counts is not None)


@dataclass(frozen=True)
class Survey:
    """Findings of all splits of a config."""

    splits: Sequence[Split]

    @property
    def faults(self) -> list[str]:
        """Faults, a line each, that of a split headed by its name."""
        own = [f'{split.name}: {f}' for split in self.splits for f in split.faults]
        return own + list(self._leaks())

    @property
    def remarks(self) -> list[str]:
        """Remarks, a line each: unusual, but possibly intended."""
        lines = []
        for split in self.splits:
            if split.samples and not split.has_labels:
                lines.append(
                    f'{split.name}: no labels were read; its pipeline loads none with '
                    'LoadAnnotations'
                )
            missing = split.missing_classes
            if missing:
                lines.append(f'{split.name}: never occurs: {", ".join(missing)}')
            for paths in split.same_images:
                lines.append(f'{split.name}: the same image: {first_of(paths)}')
        return lines

    def _leaks(self) -> Iterator[str]:
        """Images that are in several splits, so that results can't be trusted."""
        places: dict[bytes, dict[str, str]] = defaultdict(dict)
        for split in self.splits:
            for digest, samples in _by_digest(split.samples).items():
                places[digest][split.name] = samples[0].image
        for found in places.values():
            if len(found) > 1:
                where = ', '.join(f'{path} ({name})' for name, path in found.items())
                yield f'the same image in several splits: {where}'


def survey_data(
    config: Config,
    splits: Iterable[str] = SPLITS,
    workers: int = 0,
    advance: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Survey:
    """Read every image and label of a config.

    Args:
        config: With a dataloader for each split that is to be read.
        splits: Which of ``train``, ``val`` and ``test``.
        workers: Processes that read; 0 reads in this one.
        advance: Called with a split's name, how many of its images are read, and how
            many there are.

    Raises:
        FileNotFoundError: If a folder or list is missing.
        ValueError: If there is nothing to read, or a dataset is of a kind that can't
            be.
    """
    leaves = _distinct(config, splits)
    if not leaves:
        raise ValueError(
            f'found no dataloader of {", ".join(splits)} in the config, expected one'
        )
    # What is missing is said before hours of reading.
    empty = {key: _empty(key, leaf) for found in leaves.values() for key, leaf in found}
    return Survey(
        [
            _survey(name, found, empty, workers, advance)
            for name, found in leaves.items()
        ]
    )


def _distinct(config: Config, splits: Iterable[str]) -> dict[str, list]:
    """Datasets of each split with their keys; splits that read the same are joined."""
    found: list[tuple[list[str], list]] = []
    for name in splits:
        loader = f'{name}_dataloader'
        if not config.get(loader):
            continue
        leaves = list(leaf_datasets({loader: config[loader]}))
        same = next((n for n, other in found if _data(other) == _data(leaves)), None)
        if same:
            same.append(name)
        else:
            found.append(([name], leaves))
    return {', '.join(names): leaves for names, leaves in found}


def _data(leaves: list) -> list[dict]:
    """Options that say which data are read: all but how they are processed."""
    return [{k: v for k, v in leaf.items() if k != 'pipeline'} for _, leaf in leaves]


def _empty(key: str, leaf: dict) -> str | None:
    """Describe why a dataset is empty; None if it is not. Others are still read."""
    if not is_type(leaf, BaseSegDataset, DATASETS):
        raise ValueError(
            f'{key}.type: found {leaf.get("type")!r}, expected a sub-class of '
            "MMSegmentation's BaseSegDataset"
        )
    try:
        check_dataset(key, leaf)
    except EmptyDatasetError as error:
        return f'empty: {error}'
    return None


def _survey(
    name: str,
    leaves: list,
    empty: Mapping[str, str | None],
    workers: int,
    advance: Callable[[str, int, int], None],
) -> Split:
    split = Split(name, faults=[empty[key] for key, _ in leaves if empty[key]])
    datasets = [DATASETS.build(leaf) for key, leaf in leaves if not empty[key]]
    total = sum(map(len, datasets))
    for dataset in datasets:
        recognise_faults(dataset)
        split.classes = tuple(dataset.metainfo['classes'])
        split.ignore_index = dataset.ignore_index
        start = len(split.samples)
        for sample in read_samples(dataset, workers):
            split.samples.append(sample)
            split.faults += sample.faults
            advance(name, len(split.samples), total)
        split.faults += [
            f'{path}: a label without an image'
            for path in stray_labels(dataset, split.samples[start:])
        ]
    fault = binary_mask_fault(split.pixels, split.classes, split.ignore_index)
    if fault:
        split.faults.append(fault)
    return split


def _by_digest(samples: Iterable[Sample]) -> dict[bytes, list[Sample]]:
    groups = defaultdict(list)
    for sample in samples:
        if sample.digest is not None:
            groups[sample.digest].append(sample)
    return groups
