"""Survey the data of a config: its faults, and how often classes occur."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from mmengine.config import Config
from mmseg.registry import DATASETS
from rich.progress import track

from ..wording import first_of
from .binary_masks import binary_mask_fault
from .config_checks import check_dataset_folders, leaf_datasets
from .fault_handling import recognise_faults
from .read_samples import Sample, read_samples, stray_labels

SPLITS = ('train', 'val', 'test')


@dataclass
class Split:
    """Findings of a split, or of several that read the same data (``val, test``).

    Attributes:
        size: Number of images.
        pixels: Pixels of each value, (256,).
        images: Images in which each value occurs, (256,).
        paths: Paths of images with the same pixels, by their digest.
    """

    name: str
    classes: tuple[str, ...] = ()
    ignore_index: int = 255
    size: int = 0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    images: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    paths: dict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)

    @property
    def has_labels(self) -> bool:
        """True if any label could be read."""
        return bool(self.images.any())

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        self.size += 1
        self.faults += sample.faults
        if sample.counts is not None:
            self.pixels += sample.counts
            self.images += sample.counts > 0
        # A dataset may have the same file several times.
        if sample.digest and sample.image not in self.paths[sample.digest]:
            self.paths[sample.digest].append(sample.image)


@dataclass(frozen=True)
class Survey:
    """Findings of all splits of a config."""

    splits: Sequence[Split]

    @property
    def faults(self) -> list[str]:
        """List faults, a line each, with the name of the split."""
        own = [f'{split.name}: {f}' for split in self.splits for f in split.faults]
        return own + list(self._leaks())

    @property
    def remarks(self) -> list[str]:
        """List remarks, a line each: findings that may be intended."""
        lines = []
        for split in self.splits:
            missing = [c for i, c in enumerate(split.classes) if not split.pixels[i]]
            if not split.has_labels:
                lines.append(
                    f'{split.name}: no labels were read; its pipeline loads none with '
                    'LoadAnnotations'
                )
            elif missing:
                lines.append(f'{split.name}: never occurs: {", ".join(missing)}')
            for paths in split.paths.values():
                if len(paths) > 1:
                    lines.append(f'{split.name}: the same image: {first_of(paths)}')
        return lines

    def _leaks(self) -> Iterator[str]:
        """Describe images that are in several splits, which makes results invalid."""
        places: dict[bytes, dict[str, str]] = defaultdict(dict)
        for split in self.splits:
            for digest, paths in split.paths.items():
                places[digest][split.name] = paths[0]
        for found in places.values():
            if len(found) > 1:
                where = ', '.join(f'{path} ({name})' for name, path in found.items())
                yield f'the same image in several splits: {where}'


def survey_data(
    config: Config, splits: Iterable[str] = SPLITS, workers: int = 0
) -> Survey:
    """Read every image and label of a config, and show the progress.

    Args:
        config: Config with a dataloader for each split.
        splits: ``train``, ``val``, ``test``.
        workers: Number of processes that read; 0 reads in this one.

    Raises:
        FileNotFoundError: If a folder or list is missing or empty.
        ValueError: If there is no dataloader.
    """
    loaders = {
        f'{split}_dataloader': config.get(f'{split}_dataloader') for split in splits
    }
    # Report missing data before hours of reading.
    check_dataset_folders(loaders)
    found = _distinct(loaders)
    if not found:
        raise ValueError(
            f'found no dataloader of {", ".join(splits)} in the config, expected one'
        )
    return Survey([_survey(name, leaves, workers) for name, leaves in found.items()])


def _distinct(loaders: Mapping[str, dict | None]) -> dict[str, list[dict]]:
    """List each split's datasets; splits that read the same data are joined."""
    found: list[tuple[list[str], list[dict]]] = []
    for loader in loaders:
        name = loader.removesuffix('_dataloader')
        leaves = [leaf for _, leaf in leaf_datasets({loader: loaders[loader]})]
        same = next((n for n, other in found if _data(other) == _data(leaves)), None)
        if same:
            same.append(name)
        elif leaves:
            found.append(([name], leaves))
    return {', '.join(names): leaves for names, leaves in found}


def _data(leaves: list[dict]) -> list[dict]:
    """Options of datasets without the pipeline: those that select the data."""
    return [{k: v for k, v in leaf.items() if k != 'pipeline'} for leaf in leaves]


def _survey(name: str, leaves: list[dict], workers: int) -> Split:
    split = Split(name)
    datasets = [DATASETS.build(leaf) for leaf in leaves]
    for dataset in datasets:
        recognise_faults(dataset)
    # Labels that were read, by dataset.
    labels = [set() for _ in datasets]
    samples = (
        (sample, own)
        for dataset, own in zip(datasets, labels, strict=True)
        for sample in read_samples(dataset, workers)
    )
    for sample, own in track(samples, name, sum(map(len, datasets))):
        split.add(sample)
        own.add(sample.label)
    for dataset, own in zip(datasets, labels, strict=True):
        split.classes = tuple(dataset.metainfo['classes'])
        split.ignore_index = dataset.ignore_index
        split.faults += [
            f'{path}: a label without an image' for path in stray_labels(dataset, own)
        ]
    fault = binary_mask_fault(split.pixels, split.classes, split.ignore_index)
    split.faults += [fault] if fault else []
    return split
