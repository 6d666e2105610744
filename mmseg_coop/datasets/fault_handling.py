"""Make the datasets of a run detect wrong files, and skip them."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.dataset import Compose
from mmengine.logging import print_log
from mmseg.datasets.transforms import LoadAnnotations
from torch.utils.data import Dataset

from .checked_loading import LoadCheckedAnnotations, LoadCheckedImage
from .file_faults import DataFault


def recognise_faults(dataset: Dataset, skip: bool = False) -> None:
    """Make the loaders of a dataset raise :class:`DataFault` for wrong data.

    It changes MMSegmentation's loaders, also inside of wrapped datasets and nested
    transforms, but no custom loaders. The config keeps its loaders, which
    MMSegmentation's inferencer looks for by name. With ``skip`` faults are logged, and
    in training another sample is taken.
    """
    for leaf in leaf_datasets_of(dataset):
        _watch(leaf.pipeline, leaf)
        if skip:
            leaf.pipeline = SkipFaults(leaf.pipeline.transforms, len(leaf))


class SkipFaults(Compose):
    """Pipeline that logs a fault, and returns None like one that filters samples."""

    def __init__(self, transforms: list[Callable[[dict], Any]], total: int):
        super().__init__(transforms)
        self._total = total
        self._logged: set[str] = set()

    def __call__(self, data: dict) -> dict | None:
        """Load a sample; None if it has a fault, which is logged once.

        Raises:
            DataFault: If all samples have one.
        """
        try:
            return super().__call__(data)
        except DataFault as fault:
            if str(fault) not in self._logged:
                # In processes but the main one MMEngine's loggers say nothing less.
                print_log(f'Skipped: {fault}', 'current', logging.ERROR)
            self._logged.add(str(fault))
            if len(self._logged) == self._total:
                raise DataFault(f'no image is left; the last fault: {fault}') from None
            return None


def leaf_datasets_of(dataset: Dataset) -> Iterator[Dataset]:
    """List datasets that have a pipeline, also inside of wrappers."""
    if hasattr(dataset, 'datasets'):
        for inner in dataset.datasets:
            yield from leaf_datasets_of(inner)
    elif hasattr(dataset, 'dataset'):
        yield from leaf_datasets_of(dataset.dataset)
    elif isinstance(getattr(dataset, 'pipeline', None), Compose):
        yield dataset


def _watch(step: Any, dataset: Dataset) -> None:
    """Turn the loaders in a step, a list of steps or an attribute into checked ones."""
    # These classes only: a sub-class may read files in another way.
    if type(step) is LoadImageFromFile:
        step.__class__ = LoadCheckedImage
    elif type(step) is LoadAnnotations:
        classes = dataset.metainfo.get('classes')
        step.__class__ = LoadCheckedAnnotations
        step.num_classes = len(classes) if isinstance(classes, list | tuple) else None
        step.ignore_index = getattr(dataset, 'ignore_index', 255)
    elif isinstance(step, BaseTransform | Compose | list | tuple):
        inner = step if isinstance(step, list | tuple) else vars(step).values()
        for part in inner:
            _watch(part, dataset)
