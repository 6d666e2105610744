# A pair's data and schedule in MMEngine's pure-Python style: classes, no names.
from mmcv.transforms import RandomFlip, TestTimeAug
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.hooks import (
    DistSamplerSeedHook,
    IterTimerHook,
    LoggerHook,
    ParamSchedulerHook,
)
from mmengine.optim import OptimWrapper, PolyLR
from mmengine.visualization import LocalVisBackend
from mmseg.datasets.transforms import PackSegInputs
from mmseg.engine.hooks import SegVisualizationHook
from mmseg.models import SegTTAModel
from mmseg.visualization import SegLocalVisualizer
from torch.optim import SGD

from mmseg_coop.datasets import ToyStreets
from mmseg_coop.engine import (
    CompileTestHook,
    CooperationHook,
    CoopEvaluationHook,
    CoopTestLoop,
    CoopValLoop,
    NonFiniteHook,
    ResumableTrainLoop,
    SafeCheckpointHook,
    StopHook,
)
from mmseg_coop.evaluation import CoopIoUMetric

default_scope = None
vis_backends = [dict(type=LocalVisBackend)]
visualizer = dict(type=SegLocalVisualizer, vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type=InfiniteSampler, shuffle=True),
    dataset=dict(
        type=ToyStreets,
        split='train',
        num_images=8,
        pipeline=[dict(type=RandomFlip, prob=0.5), dict(type=PackSegInputs)],
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=ToyStreets,
        split='val',
        num_images=2,
        pipeline=[dict(type=PackSegInputs)],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type=CoopIoUMetric, iou_metrics=['mIoU'])
test_evaluator = val_evaluator
tta_model = dict(type=SegTTAModel)
tta_pipeline = [
    dict(
        type=TestTimeAug,
        transforms=[
            [dict(type=RandomFlip, prob=0.0), dict(type=RandomFlip, prob=1.0)],
            [dict(type=PackSegInputs)],
        ],
    )
]
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.01))
param_scheduler = [
    dict(type=PolyLR, eta_min=1e-4, power=0.9, begin=0, end=2, by_epoch=False)
]
train_cfg = dict(type=ResumableTrainLoop, max_iters=2, val_interval=2)
val_cfg = dict(type=CoopValLoop)
test_cfg = dict(type=CoopTestLoop)
default_hooks = dict(
    timer=dict(type=IterTimerHook),
    logger=dict(type=LoggerHook, interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type=ParamSchedulerHook),
    checkpoint=dict(
        type=SafeCheckpointHook,
        by_epoch=False,
        interval=2,
        save_best='mIoU',
        rule='greater',
    ),
    non_finite=dict(type=NonFiniteHook),
    stop=dict(type=StopHook),
    sampler_seed=dict(type=DistSamplerSeedHook),
    visualization=dict(type=SegVisualizationHook),
    evaluation=dict(type=CoopEvaluationHook),
    compile=dict(type=CompileTestHook),
    cooperation=dict(type=CooperationHook, interval=2),
)
