"""Training that starts from ``load_from``, of a config, an option or a Runner."""

import logging
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_coop.unwrap import unwrap

from helpers.run_tool import run_tool
from helpers.tiny import network_config
from helpers.tiny_runner import PAIR, make_runner

CONFIG = Path(__file__).parents[2] / 'configs' / 'coop' / 'danet_r18_same_toy.py'
HOOK = [dict(type='CheckpointMatchHook')]
NO_VAL = dict(val_cfg=None, val_dataloader=None, val_evaluator=None)


@pytest.fixture(autouse=True)
def _handlers(monkeypatch):
    # MMEngine's handlers write to what other tests have captured and closed.
    monkeypatch.setattr(logging, 'raiseExceptions', False)


def saved(folder, changes=(), **options) -> str:
    """A checkpoint of a tiny network, some of its weights replaced."""
    state = MODELS.build(network_config('danet', **options)).state_dict()
    path = folder / 'start.pth'
    torch.save({**state, **dict(changes)}, path)
    return str(path)


def start(folder, source, **changes):
    runner = make_runner(
        folder / 'run', iters=1, load_from=source, **{**NO_VAL, **changes}
    )
    runner.train()
    return runner


def test_nothing_fits(tmp_path):
    source = saved(tmp_path)
    with pytest.raises(ValueError) as error:
        start(tmp_path, source, hooks=HOOK)
    text = str(error.value)
    assert text.startswith(f'load_from: {source}: none of its ')
    assert 'fits the CooperativeEncoderDecoder of the config: found backbone.' in text
    assert f"set model.networks_init=['{source}', '{source}'] in place" in text
    assert '\n' not in text


def test_a_pair_for_a_single_network(tmp_path):
    source = saved(tmp_path, **PAIR)
    with pytest.raises(ValueError, match='none of its .* found networks.top.backbone'):
        start(tmp_path, source, hooks=HOOK, single=True)


def test_counters_alone_are_no_start(tmp_path):
    backbone = dict(network_config('danet').backbone, base_channels=4, stem_channels=4)
    narrow = saved(tmp_path, backbone=backbone)
    # Every number of batches fits, and of the heads nothing.
    state = {k: v for k, v in torch.load(narrow).items() if k.startswith('backbone.')}
    torch.save(state, narrow)
    with pytest.raises(ValueError, match='none of its'):
        start(tmp_path, narrow, hooks=HOOK, single=True)


@pytest.mark.parametrize('single', [True, False])
def test_a_part_is_loaded_as_by_the_host(single, tmp_path, capsys):
    """Fine-tuning: a classifier of another size and a part that is not there."""
    kind = {} if single else PAIR
    first = '' if single else 'networks.top.'
    key = f'{first}decode_head.conv_seg.weight'
    source = saved(
        tmp_path, {key: torch.ones(9, 16, 1, 1), 'foreign': torch.ones(1)}, **kind
    )
    frozen = dict(
        optim=dict(optimizer=dict(type='SGD', lr=0.0)), single=single, hooks=[]
    )
    host = start(tmp_path / 'host', source, **frozen)
    capsys.readouterr()
    ours = start(tmp_path / 'ours', source, **{**frozen, 'hooks': HOOK})
    for name, value in unwrap(host.model).state_dict().items():
        torch.testing.assert_close(
            unwrap(ours.model).state_dict()[name], value, rtol=0, atol=0
        )
    text = ''.join(capsys.readouterr())
    total = len(unwrap(ours.model).state_dict())
    assert f'{total - 1} of {total} weights are loaded' in text
    assert f'left at their start: {key} (9, 16, 1, 1) instead of (5, 16' in text
    assert 'of no use here: foreign' in text


def test_all_of_it_needs_no_words(tmp_path, capsys):
    start(tmp_path, saved(tmp_path, **PAIR), hooks=HOOK)
    assert 'weights are loaded' not in ''.join(capsys.readouterr())


def test_a_warm_up_of_losses_begins_again(tmp_path):
    losses = [dict(type='MutualLoss', warmup_iters=4)]
    model = dict(cooperation_losses=losses)
    first = make_runner(tmp_path / 'first', iters=2, network=model, **NO_VAL)
    first.train()
    source = f'{first.work_dir}/iter_2.pth'
    for resume, expected in ((False, 1), (True, 3)):
        iters = 3 if resume else 1
        runner = make_runner(
            tmp_path / str(resume),
            iters=iters,
            network=model,
            load_from=source,
            resume=resume,
            hooks=HOOK,
            **NO_VAL,
        )
        runner.train()
        assert runner.model.cooperation_losses[0].iters == expected


def test_a_resumed_run_goes_on_from_its_own_checkpoint(tmp_path):
    """And not again from the run that it started from, whose checkpoint is complete."""
    hooks = dict(checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=1))

    def run(name, iters, **changes):
        folder = tmp_path / name
        made = make_runner(folder, iters, default_hooks=hooks, **NO_VAL, **changes)
        made.train()
        return made

    first = run('first', 1)
    source = f'{first.work_dir}/iter_1.pth'
    run('second', 3, load_from=source)
    own = f'{tmp_path}/second/iter_'
    for load_from, expected in ((source, f'{own}3.pth'), (f'{own}2.pth',) * 2):
        resumed = run('second', 4, load_from=load_from, resume=True)
        assert resumed._load_from == expected
    # As MMEngine does: the run has no checkpoint yet.
    assert run('third', 2, load_from=source, resume=True)._load_from == source


@pytest.mark.parametrize('place', ['the config', 'an option'])
def test_the_tool(place, tmp_path, monkeypatch, capsys):
    source = saved(tmp_path)
    config, options = CONFIG, ['--cfg-options', f'load_from={source}']
    if place == 'the config':
        config, options = tmp_path / 'pair.py', []
        config.write_text(f"_base_ = '{CONFIG}'\nload_from = '{source}'\n")
    done = run_tool('train.py', tmp_path, [config, *options], monkeypatch, capsys)
    assert done.returncode == 2
    assert done.stderr.startswith('error: load_from: ')
    assert 'model.networks_init' in done.stderr


def test_a_resumed_run_tells_that_it_keeps_rate_and_schedule(tmp_path, capsys):
    """As in MMEngine, which does not say so."""

    def run(iters, rate=0.01, resume=False):
        schedule = dict(type='PolyLR', by_epoch=False, begin=0, end=iters)
        runner = make_runner(
            tmp_path,
            iters,
            optim=dict(optimizer=dict(type='SGD', lr=rate, weight_decay=0.1)),
            param_scheduler=[schedule],
            resume=resume,
            hooks=HOOK,
            **NO_VAL,
        )
        runner.train()
        return ''.join(capsys.readouterr())

    run(2)
    assert 'those of the checkpoint' not in run(2, resume=True)
    told = run(4, rate=0.001, resume=True)
    assert 'optim_wrapper.optimizer.lr 0.01 (config: 0.001), begin' in told
    assert 'begin and end of param_scheduler (0, 2) (config: (0, 4))' in told
    assert 'weight_decay' not in told
    # A validation has no optimizer.
    make_runner(tmp_path, resume=True, hooks=HOOK, default_hooks={}).val()
