"""Train on another sample where one is wrong."""

from typing import Any

from mmengine.dataset import RepeatDataset
from mmseg.registry import DATASETS

from .faults import DataFault


@DATASETS.register_module()
class SkipFaults(RepeatDataset):
    """A dataset whose wrong samples are replaced by the next right ones.

    Which one stands in depends on nothing but the sample. What was left out is noted
    in the data sample's meta information, ``skipped``; ``SkippedDataHook`` counts it.

    Args:
        dataset: The dataset, whose loaders raise :class:`DataFault`.
    """

    def __init__(self, dataset: dict):
        super().__init__(dataset, times=1)

    def __getitem__(self, idx: int) -> Any:
        """The sample, or the next one without a fault.

        Raises:
            DataFault: If there is none.
        """
        skipped = []
        for i in range(len(self)):
            try:
                sample = super().__getitem__((idx + i) % len(self) if i else idx)
            except DataFault as fault:
                skipped.append(str(fault))
                continue
            if skipped:
                sample['data_samples'].set_metainfo({'skipped': skipped})
            return sample
        raise DataFault(f'no image to train on is left; the first fault: {skipped[0]}')
