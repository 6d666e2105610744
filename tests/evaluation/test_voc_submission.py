import numpy as np
import torch
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import METRICS
from PIL import Image


def test_writes_what_the_server_takes(tmp_path):
    metric = METRICS.build(dict(type='VOCSubmission', out_dir=str(tmp_path)))
    metric.dataset_meta = PascalVOCDataset.METAINFO
    labels = torch.randint(0, 21, (2, 1, 37, 50))
    samples = [
        dict(img_path=f'JPEGImages/2008_00000{i}.jpg', pred_sem_seg=dict(data=label))
        for i, label in enumerate(labels)
    ]
    metric.process({}, samples)
    assert metric.evaluate(2) == {'submission/files': 2}

    folder = tmp_path / 'results/VOC2012/Segmentation/comp6_test_cls'
    files = sorted(folder.iterdir())
    assert [f.name for f in files] == ['2008_000000.png', '2008_000001.png']
    for file, label in zip(files, labels, strict=True):
        image = Image.open(file)
        assert image.mode == 'P'
        assert np.array_equal(np.array(image), label[0].numpy())
        colors = np.array(PascalVOCDataset.METAINFO['palette'])[label[0].numpy()]
        assert np.array_equal(np.array(image.convert('RGB')), colors)
