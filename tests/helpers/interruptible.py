"""A tiny training with all that is random, to be interrupted and resumed."""

import random
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_coop.checkpoints.safe_load import load_from_local

from helpers.tiny_runner import RandomScenes, loader, make_runner

ITERS = 8
# Measured by the clock.
_TIMES = ('time', 'data_time', 'memory')


@DATASETS.register_module()
class NoisyScenes(RandomScenes):
    """Images augmented with noise from each of the three generators."""

    def __getitem__(self, i):
        sample = super().__getitem__(i)
        noise = torch.randint(0, 9, sample['inputs'].shape, dtype=torch.uint8)
        noise += np.uint8(np.random.randint(0, 9)) + random.randrange(9)
        sample['inputs'] = sample['inputs'] // 2 + noise
        return sample


def make_interruptible(work_dir: Path, iters: int = ITERS, **changes) -> Runner:
    """A Runner with dropout, loader workers, bfloat16, EMA and a poly schedule."""
    training = loader(True, True)
    training.update(
        num_workers=2, persistent_workers=True, dataset=dict(type='NoisyScenes')
    )
    config = dict(
        train_dataloader=training,
        train_cfg=dict(type='ResumableTrainLoop', max_iters=iters, val_interval=4),
        default_hooks=dict(
            checkpoint=dict(
                type='SafeCheckpointHook',
                by_epoch=False,
                interval=2,
                max_keep_ckpts=2,
                save_best='mIoU',
            ),
            stop=dict(type='StopHook'),
        ),
        hooks=[dict(type='EMAHook')],
        optim=dict(type='BFloat16OptimWrapper'),
        param_scheduler=[
            dict(type='PolyLR', power=0.9, begin=0, end=iters, by_epoch=False)
        ],
        env_cfg=dict(mp_cfg=dict(mp_start_method='fork')),
    )
    return make_runner(work_dir, iters, **{**config, **changes})


def final_state(work_dir: Path, iters: int = ITERS) -> dict:
    """All that a run ends with, by name: weights, EMA, optimizer, schedule, logs."""
    checkpoint = load_from_local(str(work_dir / f'iter_{iters}.pth'), 'cpu')
    hub = checkpoint.pop('message_hub')
    meta = checkpoint.pop('meta')
    state = dict(_flat('', checkpoint))
    state |= {key: meta[key] for key in ('epoch', 'iter', 'seed')}
    for key, history in hub['log_scalars'].items():
        if key.split('/')[-1] not in _TIMES:
            state[key] = np.asarray(history.data[0], np.float64)
    # Paths have the work dir in them.
    info = hub['runtime_info']
    state |= {key: info[key] for key in ('best_score', 'keep_ckpt_ids')}
    state['best_ckpt'] = Path(info['best_ckpt']).name
    state['files'] = sorted(path.name for path in work_dir.glob('*.pth'))
    return state


def differences(found: dict, expected: dict) -> list[str]:
    """Names of what is not the same to the bit."""
    return [
        key
        for key in sorted(found.keys() | expected.keys())
        if key not in found
        or key not in expected
        or not _same(found[key], expected[key])
    ]


def _same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    # Metrics of classes that do not occur are not a number.
    return np.array_equal(a, b, equal_nan=isinstance(a, np.ndarray))


def _flat(prefix: str, value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f'{prefix}.{key}', inner)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _flat(f'{prefix}.{i}', inner)
    else:
        yield prefix, value
