from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmseg.registry import DATASETS

REPO = Path(__file__).parents[2]


def build(camvid_root, loader: str):
    config = Config.fromfile(REPO / 'configs/coop/danet_r18_single_camvid.py')
    return DATASETS.build(dict(config[loader].dataset, data_root=str(camvid_root)))


def test_labels_are_the_eleven_classes_and_void(camvid_root):
    dataset = build(camvid_root, 'val_dataloader')
    assert len(dataset.metainfo['classes']) == len(dataset.metainfo['palette']) == 11
    values = set()
    for i in range(2):
        sample = dataset[i]['data_samples']
        values |= set(np.unique(sample.gt_sem_seg.data.numpy()).tolist())
        # Labels keep their size, to which predictions are brought back.
        assert sample.gt_sem_seg.data.shape == (1, *sample.ori_shape) == (1, 360, 480)
        assert sample.img_shape == (180, 240)
    assert values <= {*range(11), 255}


def test_training_crops(camvid_root):
    dataset = build(camvid_root, 'train_dataloader')
    sample = dataset[0]
    height, width = sample['inputs'].shape[1:]
    assert height <= 180 and width <= 240
    assert sample['data_samples'].gt_sem_seg.data.shape == (1, height, width)
