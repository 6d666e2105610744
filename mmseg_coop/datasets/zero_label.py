"""Datasets and their loaders agree on whether label 0 is left out."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from ..config_types import is_type
from .checks import leaf_datasets


def check_reduce_zero_label(config: Mapping[str, Any]) -> None:
    """Check that each loader of labels does what its dataset says.

    Raises:
        ValueError: Names the loader's config key, what it has, and the dataset's.
    """
    for key, dataset in leaf_datasets(config):
        for place, step in _steps(f'{key}.pipeline', dataset.get('pipeline')):
            found = step.get('reduce_zero_label')
            if found is None or not is_type(step, LoadAnnotations, TRANSFORMS):
                continue
            expected = _of_dataset(dataset)
            if expected is not None and found != expected:
                raise ValueError(
                    f'{place}.reduce_zero_label: found {found}, expected {expected} as '
                    f'{key} has it; set it in the dataset only'
                )


def _steps(key: str, value: Any) -> Iterator[tuple[str, dict]]:
    """Steps of a pipeline with their keys, those inside of other steps too."""
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _steps(f'{key}[{i}]', item)
    elif isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from _steps(f'{key}.{name}', item)


def _of_dataset(dataset: dict[str, Any]) -> bool | None:
    """Read the option of a dataset; None if only its files would tell."""
    if 'reduce_zero_label' in dataset:
        return dataset['reduce_zero_label']
    if not is_type(dataset, BaseSegDataset, DATASETS):
        return None
    try:
        # Nothing is read; its class may set it, or pass it on.
        built = DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []})
    except Exception:
        # What is wrong with it is said where it is built to be used.
        return None
    return built.reduce_zero_label
