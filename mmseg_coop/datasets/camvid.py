"""CamVid: street scenes from a driving car."""

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid in 11 classes (Brostow et al. 2008; classes and split of SegNet).

    Images are ``img_dir/{split}/*.jpg``, labels ``ann_dir/{split}/*.png``: 8 bit, 0 to
    10 in the order of the classes, 255 for void, which is ignored.
    """

    METAINFO = dict(  # noqa: RUF012  (the host's own convention)
        classes=(
            'sky',
            'building',
            'pole',
            'road',
            'pavement',
            'tree',
            'sign symbol',
            'fence',
            'car',
            'pedestrian',
            'bicyclist',
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )
