"""An optimizer for each network: MMEngine's ``OptimWrapperDict``."""

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmseg.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS

from mmseg_coop.models import CooperativeEncoderDecoder
from mmseg_coop.unwrap import unwrap

from helpers.tiny import network_config, total_loss
from helpers.tiny_runner import make_runner


@MODELS.register_module()
class TwoSteps(CooperativeEncoderDecoder):
    """A user's pair, in which each network makes a step of its own."""

    def train_step(self, data, optim_wrapper):
        data = self.data_preprocessor(data, True)
        losses = self._run_forward(data, mode='loss')
        for name in self.plan.networks:
            own = {k: v for k, v in losses.items() if k.startswith(f'{name}.')}
            total = total_loss(own)
            optim_wrapper[name].update_params(total)
        return {'loss': total.detach()}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class OnePerNetwork:
    """An optimizer for each network."""

    def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
        self.options = optim_wrapper_cfg

    def __call__(self, model):
        counts = self.options.get('counts', 1)
        return OptimWrapperDict(
            **{
                name: OptimWrapper(
                    torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9),
                    accumulative_counts=counts,
                )
                for name, network in unwrap(model).networks.items()
            }
        )


MODEL = network_config(
    'danet',
    # Connected ones would share the graph that the first step frees.
    type='TwoSteps',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[128.0] * 3, std=[64.0] * 3, size=(32, 32)
    ),
)


def runner(folder, hooks=(), counts=1, **changes):
    return make_runner(
        folder,
        optim_wrapper=dict(constructor='OnePerNetwork', counts=counts),
        hooks=hooks,
        model=MODEL,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        default_hooks=dict(
            checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=2)
        ),
        train_cfg=dict(type='ResumableTrainLoop', max_iters=4, val_interval=9),
        **changes,
    )


def test_checkpoints_and_resume_are_those_of_a_run_through(tmp_path):
    through = runner(tmp_path / 'through', [dict(type='StopHook')])
    through.train()
    part = tmp_path / 'part'
    part.mkdir()
    (part / 'iter_2.pth').write_bytes((tmp_path / 'through/iter_2.pth').read_bytes())
    hooks = [dict(type='StopHook'), dict(type='CheckpointMatchHook')]
    resumed = runner(part, hooks, resume=True)
    resumed.train()
    for name, value in through.model.state_dict().items():
        torch.testing.assert_close(
            resumed.model.state_dict()[name], value, rtol=0, atol=0
        )
    found, expected = (
        torch.load(folder / 'iter_4.pth', weights_only=False)['optimizer']
        for folder in (part, tmp_path / 'through')
    )
    assert found.keys() == expected.keys() == {'top', 'bottom'}
    for name in found:
        for i, state in expected[name]['state'].items():
            torch.testing.assert_close(found[name]['state'][i], state)


def test_pending_gradients_are_told(tmp_path, capsys):
    runner(tmp_path, counts=4, log_level='INFO').train()
    assert 'without the gradients that are pending' in ''.join(capsys.readouterr())


@pytest.mark.parametrize('policy', ['stop', 'skip'])
def test_a_step_that_can_not_be_held_back_is_refused(policy, tmp_path):
    refused = runner(tmp_path, [dict(type='NonFiniteHook', policy=policy)])
    with pytest.raises(
        ValueError, match='found OptimWrapperDict, expected one OptimWrapper.*=None'
    ):
        refused.train()
    assert refused.iter == 0 and not list(tmp_path.glob('*.pth'))
