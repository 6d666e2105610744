"""Label maps of networks and of their mean, made up, and their evaluation."""

import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_coop.models.segmentors.predict_labels import LABEL_FIELD

CLASSES = [f'class {i}' for i in range(7)]
NETWORKS = ('top', 'bottom')


def make_sample(index: int, labels=range(7), predict_with='bottom'):
    """A sample with random label maps of two networks and their mean."""
    generator = torch.Generator().manual_seed(index)

    def label_map(values):
        values = torch.tensor(list(values))
        size = (1, 20 + index, 30)
        return values[torch.randint(0, len(values), size, generator=generator)]

    meta = dict(
        img_path=f'{index}.png', predict_with=predict_with, networks=list(NETWORKS)
    )
    sample = SegDataSample(
        metainfo=meta, gt_sem_seg=PixelData(data=label_map([*labels, 255]))
    )
    for name in (*NETWORKS, 'mean'):
        # Predictions of class 6 don't occur.
        sample.set_data({LABEL_FIELD + name: PixelData(data=label_map(range(6)))})
    sample.set_data({'pred_sem_seg': sample.get(LABEL_FIELD + predict_with)})
    return sample


def evaluate(metric, samples, classes=CLASSES, **info):
    """Evaluate samples with a metric."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=classes, **info)
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))
