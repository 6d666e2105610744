"""Train on another sample where one is wrong."""

from collections.abc import Callable, Sequence

from mmengine.dataset import BaseDataset, Compose

from .faults import DataFault


class SkipFaults:
    """The steps of a pipeline, run on the next sample where one is wrong.

    Which one stands in depends on nothing but the sample. What was left out is noted
    in the data sample's meta information, ``skipped``; ``DataFaultsHook`` counts it.

    Args:
        steps: The steps, whose loaders raise ``DataFault``.
        dataset: The dataset that they load.
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
