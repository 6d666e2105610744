"""Losses and gradients that are not finite, in real training of tiny networks."""

import copy
import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmseg.registry import MODELS, OPTIM_WRAPPERS

from mmseg_coop.engine import NonFiniteError, NonFiniteHook, non_finite_hook
from mmseg_coop.engine.diagnose_non_finite import not_finite_gradients
from mmseg_coop.models import CooperativeEncoderDecoder
from mmseg_coop.unwrap import unwrap

from helpers.poison import poison
from helpers.tiny import EMA_HEAD, network_config
from helpers.tiny_runner import PAIR, make_runner

FIRST, SECOND = 'backbone.layer1', 'backbone.layer2'


def runner(folder, *hooks, policy='stop', **changes):
    if policy:
        hooks = [dict(type='NonFiniteHook', policy=policy), *hooks]
    return make_runner(
        folder,
        hooks=hooks,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        **changes,
    )


def state(trained):
    """Weights, running statistics and momenta."""
    momenta = trained.optim_wrapper.optimizer.state_dict()['state']
    found = {k: v.clone() for k, v in unwrap(trained.model).state_dict().items()}
    return found | {f'momentum {i}': copy.deepcopy(v) for i, v in momenta.items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)


MOMENTUM = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9))


def test_stop_names_the_place_and_leaves_the_state_before(tmp_path):
    # Without the hook, the iterations before the third.
    before = runner(tmp_path / 'before', policy=None, iters=2, optim=MOMENTUM)
    before.train()
    hook = poison('feature', (2,), f'networks.bottom.{SECOND}')
    stopped = runner(tmp_path / 'stopped', hook, optim=MOMENTUM)
    with pytest.raises(NonFiniteError) as error:
        stopped.train()
    text = str(error.value)
    assert text.startswith('iteration 3: the loss is not finite (')
    assert 'bottom.decode.pam_cam.loss_ce=nan' in text
    assert f'; the first feature map that is not: networks.bottom.{SECOND}; ' in text
    assert '; batch: street_2_0.png, street_2_1.png; ' in text
    assert f'{tmp_path}/stopped/iter_2.pth' in text
    assert '\n' not in text
    assert_same(state(stopped), state(before))
    saved, written = (
        torch.load(f'{run.work_dir}/iter_2.pth', weights_only=False)
        for run in (stopped, before)
    )
    assert saved['meta']['iter'] == written['meta']['iter'] == 2
    assert saved['meta']['epoch'] == written['meta']['epoch']
    assert_same(saved['state_dict'], written['state_dict'])
    assert_same(saved['optimizer']['state'], written['optimizer']['state'])


@OPTIM_WRAPPERS.register_module()
class OwnUpdate(OptimWrapper):
    """A user's wrapper, whose update calls nothing but ``step``."""

    def update_params(self, loss, **kwargs):
        self.zero_grad()
        loss.backward()
        self.step()


def own_model(kind):
    """Config of a pair whose class a user has derived."""
    preprocessor = dict(type='SegDataPreProcessor', size=(32, 32))
    pair = {**PAIR, 'type': kind}
    return network_config('danet', **pair, data_preprocessor=preprocessor)


@MODELS.register_module()
class OwnTrainStep(CooperativeEncoderDecoder):
    """A user's model, with the steps of MMEngine's documentation; returns floats."""

    def train_step(self, data, optim_wrapper):
        data = self.data_preprocessor(data, True)
        loss, log_vars = self.parse_losses(self(**data, mode='loss'))
        optim_wrapper.zero_grad()
        optim_wrapper.backward(loss)
        optim_wrapper.step()
        return {name: float(value) for name, value in log_vars.items()}


@pytest.mark.parametrize(
    ('own', 'policy', 'what'),
    [
        ('wrapper', 'stop', 'image'),
        ('wrapper', 'skip', 'loss'),
        ('train_step', 'skip', 'image'),
        ('train_step', 'stop', 'loss'),
    ],
)
def test_a_step_that_a_user_makes_is_held_back(own, policy, what, tmp_path):
    changes = dict(optim=dict(type='OwnUpdate', **MOMENTUM))
    if own == 'train_step':
        changes = dict(model=own_model('OwnTrainStep'), optim=MOMENTUM)
    before = runner(tmp_path / 'before', policy=None, iters=1, **changes)
    before.train()
    hook = poison(what, (1,), 'networks.bottom.decode_head')
    trained = runner(tmp_path, hook, policy=policy, iters=2, **changes)
    if policy == 'stop':
        with pytest.raises(NonFiniteError, match='iteration 2'):
            trained.train()
    else:
        trained.train()
    assert_same(state(trained), state(before))


@MODELS.register_module()
class OwnBackward(CooperativeEncoderDecoder):
    """A user's model whose loss the wrapper does not get, and that returns nothing."""

    def train_step(self, data, optim_wrapper):
        data = self.data_preprocessor(data, True)
        loss, _ = self.parse_losses(self(**data, mode='loss'))
        optim_wrapper.zero_grad()
        loss.backward()
        optim_wrapper.step()


@pytest.mark.parametrize('policy', ['stop', 'skip'])
def test_gradients_of_a_loss_that_the_wrapper_does_not_get(policy, tmp_path):
    changes = dict(model=own_model('OwnBackward'), optim=MOMENTUM)
    before = runner(tmp_path / 'before', policy=None, iters=1, **changes)
    before.train()
    trained = runner(tmp_path, poison('image', (1,)), policy=policy, iters=2, **changes)
    if policy == 'stop':
        with pytest.raises(NonFiniteError, match='iteration 2: gradients are not'):
            trained.train()
    else:
        trained.train()
    assert_same(state(trained), state(before))


@MODELS.register_module()
class TwoUpdates(CooperativeEncoderDecoder):
    """A user's model whose first update has gradients that are not finite."""

    def train_step(self, data, optim_wrapper):
        data = self.data_preprocessor(data, True)
        for factor in (math.inf, 1.0):
            loss, log_vars = self.parse_losses(self(**data, mode='loss'))
            optim_wrapper.update_params(factor * loss)
        return log_vars


def test_no_step_is_made_after_one_that_was_left_out(tmp_path):
    stopped = runner(tmp_path, model=own_model('TwoUpdates'), optim=MOMENTUM)
    with pytest.raises(NonFiniteError, match='iteration 1: gradients are not finite'):
        stopped.train()
    assert not stopped.optim_wrapper.optimizer.state


@pytest.mark.parametrize('kind', ['CheckpointHook', 'SafeCheckpointHook'])
def test_a_resumed_run_begins_before_the_fault(kind, tmp_path):
    options = dict(type=kind, by_epoch=False, interval=2, max_keep_ckpts=1)
    train = partial(runner, tmp_path, default_hooks=dict(checkpoint=options))
    for resume in (False, True):
        stopped = train(poison('image', (3,)), resume=resume)
        with pytest.raises(NonFiniteError, match='iteration 4: .*--resume ends here'):
            stopped.train()
    # Weights may have been lost before the fault.
    assert (tmp_path / 'iter_2.pth').is_file()
    resumed = train(poison('image', (3,)), policy='skip', resume=True)
    seen = []
    resumed.register_hook(Iterations(seen))
    resumed.train()
    assert seen == [3]


class Iterations(Hook):
    """Keep the numbers of iterations, from 0."""

    def __init__(self, seen):
        self.seen = seen

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append(runner.iter)


@pytest.mark.parametrize(('at', 'pending'), [(2, False), (3, True)])
def test_pending_gradients_are_told(at, pending, tmp_path, capsys):
    safe = dict(type='SafeCheckpointHook', by_epoch=False, interval=2)
    stopped = runner(
        tmp_path,
        poison('image', (at,)),
        optim=dict(accumulative_counts=2),
        default_hooks=dict(checkpoint=safe),
    )
    with pytest.raises(NonFiniteError):
        stopped.train()
    assert ('gradients that are pending' in ''.join(capsys.readouterr())) is pending


def test_checkpoint_hooks_that_share_a_folder_save_once(tmp_path):
    first, second = (
        dict(type='SafeCheckpointHook', by_epoch=False, interval=interval)
        for interval in (2, 3)
    )
    hooks = poison('image', (1,)), second
    stopped = runner(tmp_path, *hooks, default_hooks=dict(checkpoint=first))
    with pytest.raises(NonFiniteError) as error:
        stopped.train()
    assert str(error.value).count('iter_1.pth') == 1


def test_processes_wait_for_each_other_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(non_finite_hook, 'all_reduce', lambda *args: calls.append(args))
    runner(tmp_path, iters=3, optim=dict(accumulative_counts=2)).train()
    assert len(calls) == 3


def test_a_single_network(tmp_path):
    hook = poison('feature', (0,), SECOND)
    with pytest.raises(NonFiniteError) as error:
        runner(tmp_path, hook, single=True).train()
    assert f'the first feature map that is not: {SECOND}; ' in str(error.value)
    assert 'decode.pam_cam.loss_ce=nan' in str(error.value)


@pytest.mark.parametrize(
    'optim',
    [
        dict(clip_grad=dict(max_norm=1), accumulative_counts=2),
        dict(type='BFloat16OptimWrapper'),
    ],
)
def test_gradients(optim, tmp_path):
    path = f'networks.bottom.{FIRST}.0.conv1.weight'
    stopped = runner(tmp_path, poison('gradient', (2,), path), optim=optim)
    with pytest.raises(NonFiniteError) as error:
        stopped.train()
    text = f'iteration 3: gradients are not finite (1: {path}); '
    assert str(error.value).startswith(text + 'every feature map is finite; batch: ')


@pytest.mark.parametrize('accumulated', [1, 2])
def test_an_infinite_loss_with_finite_gradients(accumulated, tmp_path):
    optim = dict(MOMENTUM, accumulative_counts=accumulated)
    before = runner(tmp_path / 'before', policy=None, iters=2, optim=optim)
    before.train()
    hook = poison('loss', (2,), 'networks.bottom.decode_head')
    stopped = runner(tmp_path / 'stopped', hook, optim=optim)
    with pytest.raises(NonFiniteError, match=r'iteration 3: the loss is not finite'):
        stopped.train()
    assert_same(state(stopped), state(before))


@pytest.mark.parametrize('what', ['image', 'gradient', 'loss'])
def test_skip_leaves_everything_as_it_is(what, tmp_path, capsys):
    class Watch(Hook):
        """Keep the state around the second iteration."""

        priority = 'LOWEST'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if batch_idx in (1, 2):
                states.append(state(runner))

    states = []
    path = f'networks.bottom.{FIRST}.0.conv1.weight'
    path = 'networks.bottom.decode_head' if what == 'loss' else path
    skipped = runner(
        tmp_path,
        poison(what, (1,), path),
        dict(type='EMAHook'),
        dict(type='CooperationHook', interval=100),
        policy='skip',
        optim=MOMENTUM,
    )
    skipped.register_hook(Watch())
    skipped.train()
    before, after = states
    assert_same(after, before)
    assert skipped.iter == 4
    assert not any((v != v).any() for k, v in state(skipped).items() if 'm ' not in k)
    # Three iterations are logged, none of them with NaN.
    for name in ('loss', 'top.loss', 'bottom.loss'):
        history, _ = skipped.message_hub.get_scalar(f'train/{name}').data
        assert len(history) == 3 and (history > 0).all()
    average = next(h for h in skipped.hooks if hasattr(h, 'ema_model'))
    assert all(x.isfinite().all() for x in average.ema_model.state_dict().values())
    text = ''.join(capsys.readouterr())
    assert text.count('Skipped iteration 2: ') == 1
    site = 'is not: the preprocessed images' if what == 'image' else 'map is finite'
    assert site in text
    assert 'batch: street_1_0.png, street_1_1.png' in text


@pytest.mark.parametrize('policy', ['skip', 'stop'])
def test_buffers_that_a_module_replaces(policy, tmp_path):
    """MMSegmentation's ``EMAHead`` does so with its bases."""
    hook = poison('image', (1,))
    trained = runner(
        tmp_path, hook, policy=policy, iters=3, network=dict(decode_head=EMA_HEAD)
    )
    if policy == 'stop':
        with pytest.raises(NonFiniteError):
            trained.train()
    else:
        trained.train()
    assert trained.model.networks.top.decode_head.ema_module.bases.isfinite().all()


class Growing(CooperativeEncoderDecoder):
    """A model whose buffers come and change their shape while it is trained."""

    def loss(self, inputs, data_samples):
        seen = getattr(self, 'seen', inputs.new_zeros(0))
        if 'seen' not in self._buffers:
            self.register_buffer('seen', seen)
        self.seen = torch.cat([seen, inputs.new_ones(1)])
        return super().loss(inputs, data_samples)


def test_buffers_that_come_and_grow(tmp_path):
    own = dict(type=Growing)
    trained = runner(tmp_path, poison('image', (1,)), policy='skip', network=own)
    trained.train()
    assert trained.iter == 4


def test_skip_ends_when_nothing_else_comes(tmp_path):
    hooks = [
        dict(type='NonFiniteHook', policy='skip', max_consecutive=2),
        poison('image', (0, 2, 3)),
    ]
    lost = runner(tmp_path, *hooks, policy=None)
    with pytest.raises(NonFiniteError, match=r'iteration 4: .* .2 in a row.; the sta'):
        lost.train()


def test_skip_drops_what_was_accumulated(tmp_path):
    optim = dict(MOMENTUM, accumulative_counts=2)
    hook = poison('image', (1,))
    skipped = runner(tmp_path, hook, policy='skip', optim=optim, iters=2)
    skipped.train()
    # No step was made, and none will be made with what is left.
    assert not skipped.optim_wrapper.optimizer.state
    assert all(p.grad is None for p in skipped.model.parameters())


def test_errors():
    with pytest.raises(
        ValueError, match="policy: found 'go', expected one of stop, sk"
    ):
        NonFiniteHook(policy='go')
    with pytest.raises(
        ValueError, match='max_consecutive: found 0, expected 1 or more'
    ):
        NonFiniteHook(max_consecutive=0)


class Scaling(OptimWrapper):
    """As in float16: its scaler looks at gradients itself."""

    loss_scaler = None


@pytest.mark.parametrize('kind', [OptimWrapper, Scaling])
@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9, width=32) | st.just(math.inf), min_size=1))
def test_what_is_found_is_what_is_not_finite(kind, values):
    model = torch.nn.ParameterList(torch.zeros(()) for _ in values)
    for parameter, value in zip(model, values, strict=True):
        parameter.grad = torch.tensor(value)
    wrapper = kind(torch.optim.SGD(model.parameters(), lr=1))
    found = not_finite_gradients(SimpleNamespace(model=model, optim_wrapper=wrapper))
    expected = [str(i) for i, value in enumerate(values) if not math.isfinite(value)]
    assert found == ([] if kind is Scaling else expected)
