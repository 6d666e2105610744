"""Check that loaders of labels have their dataset's ``reduce_zero_label``."""

from collections.abc import Mapping
from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from ..config_types import dicts_in, is_type
from .config_checks import leaf_datasets


def check_reduce_zero_label(config: Mapping[str, Any]) -> None:
    """Check that loaders of labels have the same ``reduce_zero_label`` as the dataset.

    Raises:
        ValueError: Names the loader's config key, its value, and the dataset's.
    """
    for key, dataset in leaf_datasets(config):
        for place, step in dicts_in(dataset.get('pipeline'), f'{key}.pipeline'):
            found = step.get('reduce_zero_label')
            if found is None or not is_type(step, LoadAnnotations, TRANSFORMS):
                continue
            expected = _of_dataset(dataset)
            if expected is not None and found != expected:
                raise ValueError(
                    f'{place}.reduce_zero_label: found {found}, expected {expected} as '
                    f'{key} has it; set it in the dataset only'
                )


def _of_dataset(dataset: dict[str, Any]) -> bool | None:
    """Get ``reduce_zero_label`` of a dataset; None if it is unknown."""
    if 'reduce_zero_label' in dataset:
        return dataset['reduce_zero_label']
    if not is_type(dataset, BaseSegDataset, DATASETS):
        return None
    try:
        # Built lazily, without reading files: its class may set the value.
        built = DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []})
    except Exception:
        # Building the Runner reports the error.
        return None
    return built.reduce_zero_label
