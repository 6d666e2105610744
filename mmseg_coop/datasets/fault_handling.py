"""Make the datasets of a run detect wrong files, and skip them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.dataset import BaseDataset, Compose
from mmseg.datasets.transforms import LoadAnnotations
from torch.utils.data import Dataset

from .checked_loading import LoadCheckedAnnotations, LoadCheckedImage
from .faults import DataFault

Step = Callable[[dict], Any]


def recognise_faults(dataset: Dataset) -> None:
    """Make the loaders of a dataset raise :class:`DataFault` for wrong data.

    It replaces MMSegmentation's loaders, also inside of wrapped datasets and nested
    transforms, but no custom loaders. The config keeps its loaders, which
    MMSegmentation's inferencer looks for by name.

    Args:
        dataset: Its pipelines are changed.
    """
    for leaf in leaf_datasets_of(dataset):
        leaf.pipeline.transforms[:] = _watched(leaf.pipeline.transforms, leaf)


def skip_faults(dataset: Dataset) -> None:
    """Make a dataset return the next sample in place of one with a fault.

    Args:
        dataset: Its pipelines are changed.
    """
    for leaf in leaf_datasets_of(dataset):
        steps = leaf.pipeline.transforms
        steps[:] = [SkipFaults(steps.copy(), leaf)]


class SkipFaults:
    """Pipeline that loads the next sample in place of one with a fault.

    The replacement depends on the sample only. Faults are recorded in the data sample's
    meta information, ``skipped``, where ``DataFaultsHook`` counts them.
    """

    def __init__(self, steps: Sequence[Callable], dataset: BaseDataset):
        self.pipeline = Compose(steps)
        self.dataset = dataset

    def __call__(self, results: dict) -> dict | None:
        """Load a sample, or the next one without a fault.

        Raises:
            DataFault: If there is none.
        """
        start, total = results['sample_idx'], len(self.dataset)
        skipped = []
        for i in range(1, total + 1):
            try:
                sample = self.pipeline(results)
            except DataFault as fault:
                skipped.append(str(fault))
                results = self.dataset.get_data_info((start + i) % total)
                continue
            if skipped and sample is not None:
                sample['data_samples'].set_metainfo({'skipped': skipped})
            return sample
        raise DataFault(f'no image to train on is left; the first fault: {skipped[0]}')


def leaf_datasets_of(dataset: Dataset) -> Iterator[Dataset]:
    """List datasets that have a pipeline, also inside of wrappers."""
    if hasattr(dataset, 'datasets'):
        for inner in dataset.datasets:
            yield from leaf_datasets_of(inner)
    elif hasattr(dataset, 'dataset'):
        yield from leaf_datasets_of(dataset.dataset)
    elif isinstance(getattr(dataset, 'pipeline', None), Compose):
        yield dataset


def _watched(step: Any, dataset: Dataset) -> Any:
    """Replace the loaders in a step, a list of steps or an attribute of a step."""
    if type(step) in (list, tuple):
        return type(step)(_watched(inner, dataset) for inner in step)
    # These classes only: a sub-class may read files in another way.
    if type(step) is LoadImageFromFile:
        return _as(LoadCheckedImage, step)
    if type(step) is LoadAnnotations:
        classes = dataset.metainfo.get('classes')
        return _as(
            LoadCheckedAnnotations,
            step,
            num_classes=len(classes) if isinstance(classes, list | tuple) else None,
            ignore_index=getattr(dataset, 'ignore_index', 255),
        )
    if isinstance(step, BaseTransform | Compose):
        vars(step).update({k: _watched(v, dataset) for k, v in vars(step).items()})
    return step


def _as(kind: type, step: Step, **options: Any) -> Step:
    """Make an object of a sub-class from a step."""
    other = kind.__new__(kind)
    vars(other).update(vars(step), **options)
    return other
