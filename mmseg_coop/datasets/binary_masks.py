"""Detect binary masks with 255 instead of class 1, which would be ignored."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations
from torch.utils.data import Dataset

from .fault_handling import leaf_datasets_of
from .file_faults import DataFault, histogram

# Number of labels that are checked before a run, spread over the dataset.
_LABELS = 100


def check_binary_masks(dataset: Dataset) -> None:
    """Check some labels of datasets with two classes, also inside of wrappers.

    Raises:
        DataFault: If the labels have ignored pixels, and none of the second class.
    """
    for leaf in leaf_datasets_of(dataset):
        classes = leaf.metainfo.get('classes') or ()
        steps = leaf.pipeline.transforms
        load = next((step for step in steps if isinstance(step, LoadAnnotations)), None)
        if len(classes) != 2 or load is None:
            continue
        pixels = np.zeros(256, np.int64)
        for i in range(0, len(leaf), max(1, len(leaf) // _LABELS)):
            info = leaf.get_data_info(i)
            # Faults are handled by the policy when the sample is loaded.
            with suppress(DataFault):
                pixels += histogram(load(info)['gt_seg_map'])
        fault = binary_mask_fault(pixels, classes, getattr(leaf, 'ignore_index', 255))
        if fault:
            raise DataFault(f'{info["seg_map_path"]} and other labels: {fault}')


def binary_mask_fault(
    pixels: np.ndarray, classes: Sequence[str], ignore_index: int
) -> str | None:
    """Describe the fault of labels with two classes if they are 0 and 255."""
    if len(classes) != 2 or pixels[1] or not pixels[ignore_index]:
        return None
    share = pixels[ignore_index] / pixels.sum()
    return (
        f'found {share:.1%} of the pixels ignored ({ignore_index}) and none of class 1 '
        f'({classes[1]}), so that any prediction of class 0 is right; expected 1 and '
        "not 255 in binary masks; if this is meant, set DataFaultsHook's policy='off'"
    )
