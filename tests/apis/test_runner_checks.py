"""Errors that are found when the Runner is built; hooks that None leaves out."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_coop.apis import build_runner, load_config
from mmseg_coop.command_line import one_line_errors
from mmseg_coop.engine import CheckpointMatchHook

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
PAIR, SINGLE = (CONFIGS / f'danet_r18_{name}_toy.py' for name in ('same', 'single'))
OURS = [
    name
    for name, hook in Config.fromfile(PAIR).default_hooks.items()
    if hook is not None
]
MMENGINES = ['runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler']


def build(folder, options, path=PAIR) -> Runner:
    small = {
        'train_dataloader.dataset.num_images': 4,
        'train_dataloader.batch_size': 2,
        'val_dataloader.dataset.num_images': 2,
        'train_cfg.max_iters': 1,
        'train_cfg.val_interval': 1,
    }
    return build_runner(load_config(str(path), {**small, **options}, str(folder)))


@pytest.mark.parametrize('left_out', [OURS, MMENGINES, ['checkpoint_match']])
def test_none_leaves_hooks_out(left_out, tmp_path):
    runner = build(tmp_path, {f'default_hooks.{name}': None for name in left_out})
    hooks = [hook for hook in runner.hooks if type(hook) is not Hook]
    # MMEngine adds the first by itself.
    assert len(hooks) == len({'runtime_info', *OURS} - set(left_out))
    runner.train()
    assert runner.iter == 1


@pytest.mark.parametrize('custom', [True, False])
def test_checkpoints_are_compared_once(custom, tmp_path):
    """Configs that do not inherit this project's schedule have no such hook."""
    config = load_config(str(PAIR), work_dir=str(tmp_path))
    del config.default_hooks.checkpoint_match
    config.custom_hooks = [dict(type='CheckpointMatchHook')] if custom else []
    hooks = build_runner(config).hooks
    assert [type(hook) for hook in hooks].count(CheckpointMatchHook) == 1


def test_a_bare_assert_says_what_it_asserts(tmp_path, capsys):
    """MMEngine's messages may be empty."""
    options = {'default_hooks.timer': 3}
    with pytest.raises(SystemExit), one_line_errors():
        build(tmp_path, options)
    assert re.match('error: .*(Hook|hook)', capsys.readouterr().err)
    with pytest.raises(SystemExit), one_line_errors():
        config = load_config(str(PAIR), {}, str(tmp_path))
        config.default_hooks.own = None
        Runner.from_cfg(config)
    error = capsys.readouterr().err.splitlines()[0]
    assert 'AssertionError: assert hook is not None in runner.py, line ' in error


WRONG = {
    'weights of classes': (
        {'model.decode_head.loss_decode.class_weight': [1.0, 2.0, 3.0]},
        r'model.decode_head.loss_decode.class_weight.*: found 3 weights, expected 8',
    ),
    'weights of classes of an auxiliary head': (
        {'model.auxiliary_head.loss_decode.class_weight': [1.0] * 9},
        r'model.auxiliary_head.loss_decode.class_weight.*: found 9 weights, expected 8',
    ),
    'a best that is not measured': (
        {'default_hooks.checkpoint.save_best': 'mDice'},
        r"CheckpointHook.save_best: found 'mDice', which is no metric of "
        r'val_evaluator; expected one of aAcc, mIoU, mAcc, ',
    ),
    'a best of no network': (
        {'default_hooks.checkpoint.save_best': 'net1/mIoU'},
        r"save_best: found 'net1/mIoU'",
    ),
    'a monitor': (
        {
            'custom_hooks': [
                dict(type='EarlyStoppingHook', monitor='mIuO', rule='greater')
            ]
        },
        r"EarlyStoppingHook.monitor: found 'mIuO'",
    ),
    'a monitor of a schedule': (
        {
            'param_scheduler': [
                dict(type='ReduceOnPlateauLR', monitor='IoU', rule='greater')
            ]
        },
        r"param_scheduler\[0\].monitor: found 'IoU'",
    ),
    'a constructor for one network': (
        {'optim_wrapper.constructor': 'LearningRateDecayOptimizerConstructor'},
        r"constructor: found 'LearningRateDecayOptimizerConstructor', which supports a "
        r"single network only; expected 'CoopLearningRateDecayOptimizerConstructor'",
    ),
    'an optimizer': (
        {'optim_wrapper.optimizer.type': 'SGDD'},
        r'optim_wrapper.optimizer: SGDD is not in the registry',
    ),
}


@pytest.mark.parametrize('name', WRONG)
def test_is_said_when_the_runner_is_built(name, tmp_path, capsys):
    options, message = WRONG[name]
    with pytest.raises(SystemExit), one_line_errors():
        build(tmp_path, options)
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 2 and re.search(message, error[0]), error


RIGHT = [
    {'model.decode_head.loss_decode.class_weight': [1.0] * 8},
    {'default_hooks.checkpoint.save_best': 'top/mIoU'},
    {'default_hooks.checkpoint.save_best': 'oracle/mIoU'},
    {'default_hooks.checkpoint.save_best': 'auto'},
    {
        'default_hooks.checkpoint.save_best': ['ECE', 'bottom/mBIoU', 'mean/NLL'],
        'default_hooks.checkpoint.rule': 'less',
    },
    {
        'val_evaluator.iou_metrics': ['mDice', 'mFscore'],
        'default_hooks.checkpoint.save_best': ['mDice', 'mean/mPrecision'],
    },
    {'val_evaluator.prefix': 'a', 'default_hooks.checkpoint.save_best': 'a/mIoU'},
]


@pytest.mark.parametrize('options', RIGHT)
def test_what_is_right_is_left_alone(options, tmp_path):
    build(tmp_path, options)


def test_names_of_other_metrics_are_not_guessed(tmp_path):
    options = {
        'val_evaluator': [dict(type='IoUMetric'), dict(type='DepthMetric')],
        'default_hooks.checkpoint.save_best': 'rmse',
    }
    build(tmp_path, options, SINGLE)
