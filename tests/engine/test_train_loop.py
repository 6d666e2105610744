"""An interruption makes no difference: resumed runs end like one that ran through."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook

from mmseg_coop.engine.stop_hook import STOPPED

from helpers import interruptible
from helpers.interruptible import ITERS, differences, final_state
from helpers.tiny import BACKBONE, HEADS, TWO_STAGES, fcn_head, network_config
from helpers.tiny_runner import PAIR, loader, make_runner

HARNESS = Path(__file__).parents[1] / 'stress' / 'kill_and_resume.py'
# What it is that trains does not matter.
SHORT_PAIR = network_config(
    'danet',
    **PAIR,
    backbone=dict(BACKBONE, **TWO_STAGES),
    decode_head=dict(HEADS['danet'], in_channels=16, in_index=1),
    auxiliary_head=fcn_head(8, 0),
    data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 32)),
)
make_interruptible = partial(interruptible.make_interruptible, model=SHORT_PAIR)


@pytest.fixture(autouse=True, scope='module')
def _no_formatting():
    """MMEngine formats the config for each checkpoint, and asks compilers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, 'pretty_text', property(repr))
        patch.setattr('mmengine.runner.runner.collect_env', dict)
        yield


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> dict:
    """Final state of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp('whole')
    make_interruptible(folder).train()
    return final_state(folder)


class At(Hook):
    """Does something at a point of the training."""

    priority = 'LOWEST'

    def __init__(self, point: str, iters: int, action):
        def act(runner, *args, **kwargs):
            if runner.iter == iters:
                action(runner)

        setattr(self, point, act)

    def get_triggered_stages(self) -> list:
        return []


class Crash(Exception):
    pass


def crash(runner):
    raise Crash


def told_to_stop(runner):
    os.kill(os.getpid(), signal.SIGUSR1)


def interrupted(folder, point, done, action, **changes) -> int | None:
    """Train until something happens; the exit code, None for a crash."""
    runner = make_interruptible(folder, **changes)
    runner.register_hook(At(point, done, action), 'VERY_HIGH')
    try:
        runner.train()
    except Crash:
        return None
    except SystemExit as end:
        return end.code
    raise AssertionError('it ran through')


def test_crashes(tmp_path, whole):
    """In a validation, while training, in the last validation."""
    handler = signal.getsignal(signal.SIGUSR1)
    interrupted(tmp_path, 'before_val', 4, crash)
    interrupted(tmp_path, 'before_train_iter', 7, crash, resume=True)
    interrupted(tmp_path, 'before_val', ITERS, crash, resume=True)
    assert signal.getsignal(signal.SIGUSR1) == handler
    make_interruptible(tmp_path, resume=True).train()
    assert differences(final_state(tmp_path), whole) == []


def test_told_to_stop(tmp_path, whole):
    assert interrupted(tmp_path, 'before_train_iter', 2, told_to_stop) == STOPPED
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_3.pth')
    # In a validation, which is finished; no checkpoint is due.
    hooks = dict(
        checkpoint=dict(type='SafeCheckpointHook', by_epoch=False),
        stop=dict(type='StopHook'),
    )
    changes = dict(resume=True, default_hooks=hooks)
    assert interrupted(tmp_path, 'before_val_iter', 4, told_to_stop, **changes) == 75
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_5.pth')
    make_interruptible(tmp_path, resume=True).train()
    # It has kept other checkpoints.
    changed = differences(final_state(tmp_path), whole)
    assert set(changed) <= {'files', 'keep_ckpt_ids'}


def test_in_another_thread(tmp_path, whole):
    """Python allows handlers of signals in the main thread only."""
    with ThreadPoolExecutor() as pool:
        pool.submit(make_interruptible(tmp_path).train).result()
    assert differences(final_state(tmp_path), whole) == []


def test_storage_by_its_older_name(tmp_path):
    kind = dict(type='SafeCheckpointHook', by_epoch=False, interval=2)
    hooks = dict(checkpoint=dict(kind, file_client_args=dict(backend='disk')))
    make_interruptible(tmp_path, iters=2, default_hooks=hooks).train()
    assert (tmp_path / 'iter_2.pth').is_file()


def test_seed_comes_from_the_checkpoint(tmp_path):
    """Runs without a seed in the config have one nevertheless."""
    short = dict(iters=4, randomness=dict(seed=None))
    make_interruptible(tmp_path / 'whole', **short).train()
    seed = final_state(tmp_path / 'whole', 4)['seed']
    seeded = dict(iters=4, randomness=dict(seed=seed))
    interrupted(tmp_path / 'resumed', 'before_train_iter', 3, crash, **seeded)
    make_interruptible(tmp_path / 'resumed', resume=True, **short).train()
    found, expected = (final_state(tmp_path / n, 4) for n in ('resumed', 'whole'))
    assert differences(found, expected) == []


def test_stops_where_no_gradients_are_pending(tmp_path):
    changes = dict(optim=dict(type='OptimWrapper', accumulative_counts=3))
    interrupted(tmp_path, 'before_train_iter', 4, told_to_stop, **changes)
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_6.pth')


def test_other_samplers_are_left_to_mmengine(tmp_path):
    training = dict(loader(True, False), drop_last=True)
    loop = dict(type='ResumableTrainLoop', max_iters=4, val_interval=4)
    runner = make_runner(tmp_path, train_dataloader=training, train_cfg=loop)
    runner.train()
    assert runner.iter == 4
    assert type(runner.train_loop.dataloader.sampler).__name__ == 'DefaultSampler'


def test_killed(tmp_path, python):
    """The harness in short, in a process of its own since it forks."""
    done = subprocess.run(
        [python, HARNESS, '--kills', '2'], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '2 kills' in done.stdout
