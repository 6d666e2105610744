"""Write predictions for the PASCAL VOC evaluation server."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS
from PIL import Image

# Competition 6: segmentation, trained on any data.
_FOLDER = Path('results', 'VOC2012', 'Segmentation', 'comp6_test_cls')


@METRICS.register_module()
class VOCSubmission(BaseMetric):
    """Write label maps in the format of the VOC 2012 evaluation server.

    ``OUT_DIR/results/VOC2012/Segmentation/comp6_test_cls/{image}.png``: 8-bit PNG of
    class indices with VOC's palette, at the size of the image. Pack ``results`` with
    ``tar czf results.tgz results``.
    """

    default_prefix = 'submission'

    def __init__(self, out_dir: str):
        super().__init__()
        self.folder = Path(out_dir) / _FOLDER

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Write a file for each image; each process writes its own images."""
        self.folder.mkdir(parents=True, exist_ok=True)
        palette = np.array(self.dataset_meta['palette'], np.uint8).ravel().tolist()
        for sample in data_samples:
            label = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
            image = Image.fromarray(label.astype(np.uint8), mode='P')
            image.putpalette(palette)
            path = self.folder / f'{Path(sample["img_path"]).stem}.png'
            image.save(path)
            self.results.append(str(path))

    def compute_metrics(self, results: list[str]) -> dict[str, int]:
        """Count the files that were written."""
        print_log(f'{len(results)} predictions in {self.folder}', 'current')
        return {'files': len(results)}
