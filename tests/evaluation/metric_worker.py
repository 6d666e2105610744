"""Count five images in several processes; run by torchrun."""

import sys
from pathlib import Path

import torch.distributed as dist
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator

sys.path.insert(0, str(Path(__file__).parent))
from test_coop_iou_metric import CLASSES, make_sample

from mmseg_coop.evaluation import CoopIoUMetric

SIZE = 5

dist.init_process_group('gloo')
metric = CoopIoUMetric()
evaluator = Evaluator(metric)
evaluator.dataset_meta = dict(classes=CLASSES)
for i in DefaultSampler(range(SIZE), shuffle=False):
    evaluator.process([make_sample(i)])
metrics = evaluator.evaluate(SIZE)
if dist.get_rank() == 0:
    metric.last.meta = {key: float(value) for key, value in metrics.items()}
    metric.last.save(Path(sys.argv[1]))
dist.destroy_process_group()
