import copy
import json

import pytest
import torch
from mmengine.hooks import Hook
from safetensors.torch import load_file, save_file

from mmseg_coop.checkpoints.safe_load import load_from_local, read_checkpoint
from mmseg_coop.checkpoints.safetensors import save_safetensors

from helpers.tiny import build_pair, network_config
from helpers.tiny_runner import make_runner

EMA = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.5)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint with averaged weights, and its safetensors."""
    folder = tmp_path_factory.mktemp('trained')
    make_runner(folder, iters=2, hooks=[EMA]).train()
    checkpoint = read_checkpoint(str(folder / 'iter_2.pth'))
    save_safetensors(checkpoint, folder / 'a.safetensors')
    return folder


def test_weights_and_what_describes_them_are_kept(trained):
    before = read_checkpoint(str(trained / 'iter_2.pth'))
    after = read_checkpoint(str(trained / 'a.safetensors'))
    state = before['state_dict']
    assert list(load_file(trained / 'a.safetensors')) and len(state) > 50
    assert after['state_dict'].keys() == state.keys()
    assert all(torch.equal(after['state_dict'][k], v) for k, v in state.items())
    assert after['state_dict']._metadata == state._metadata
    for key in ('seed', 'iter', 'dataset_meta', 'cfg'):
        assert after['meta'][key] == before['meta'][key], key


class Tested(Hook):
    """Keeps the weights with which images are predicted."""

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.weights = copy.deepcopy(runner.model.state_dict())


def test_what_is_exported_is_what_is_tested(trained, tmp_path):
    """With averaged weights: those, and not the ones that they are averages of."""
    tested, metrics = [], []
    for name in ('iter_2.pth', 'a.safetensors'):
        runner = make_runner(
            tmp_path / name,
            hooks=[EMA],
            load_from=str(trained / name),
            default_hooks=dict(checkpoint=None),
        )
        hook = Tested()
        runner.register_hook(hook)
        metrics.append(runner.val())
        tested.append(hook.weights)
    assert metrics[0] == metrics[1]
    exported = read_checkpoint(str(trained / 'a.safetensors'))['state_dict']
    for key, value in exported.items():
        assert torch.equal(tested[0][key], value) and torch.equal(tested[1][key], value)
    plain = read_checkpoint(str(trained / 'iter_2.pth'))['ema_state_dict']
    key = 'networks.top.backbone.layer1.0.conv1.weight'
    assert not torch.equal(exported[key], plain[f'module.{key}'])


def test_networks_init_and_pretrained(trained, tmp_path):
    model = build_pair('danet')
    state = model.networks.top.state_dict()
    path = str(tmp_path / 'single.safetensors')
    save_file(state, path)
    pair = build_pair('danet', 'same', networks_init=[path, None])
    pair.init_weights()
    key = 'decode_head.conv_seg.weight'
    assert torch.equal(pair.networks.top.state_dict()[key], state[key])
    config = network_config('danet')
    pretrained = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    backbone = dict(config['backbone'], init_cfg=pretrained)
    other = build_pair('danet', backbone=backbone)
    other.init_weights()
    key = 'backbone.layer4.0.conv1.weight'
    assert torch.equal(other.networks.bottom.state_dict()[key], state[key])


def test_what_shares_memory_is_written(tmp_path):
    weight = torch.ones(2, 3)
    shared = dict(a=weight, b=weight.t(), c=weight[0])
    save_safetensors(shared, tmp_path / 'a.safetensors')
    loaded = load_from_local(str(tmp_path / 'a.safetensors'))['state_dict']
    assert torch.equal(loaded['b'], weight.t()) and loaded['c'].shape == (3,)


def test_each_flipped_byte_is_found(tmp_path):
    path = tmp_path / 'a.safetensors'
    checkpoint = dict(state_dict=dict(a=torch.arange(4.0)), meta=dict(seed=1))
    save_safetensors(checkpoint, path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            loaded = load_from_local(str(path))
        except ValueError as error:
            assert 'a.safetensors' in str(error)
        else:
            # The name of the checksum or of the format: nobody else reads them.
            assert torch.equal(loaded['state_dict']['a'], torch.arange(4.0))


def test_what_is_no_tensor_is_named(tmp_path):
    with pytest.raises(ValueError, match='a is a str, expected a tensor'):
        save_safetensors(dict(a='text'), tmp_path / 'a.safetensors')
    assert not list(tmp_path.iterdir())


def test_files_of_others_load(tmp_path):
    save_file(dict(a=torch.ones(2)), tmp_path / 'a.safetensors', dict(x=json.dumps(1)))
    loaded = load_from_local(str(tmp_path / 'a.safetensors'))
    assert torch.equal(loaded['state_dict']['a'], torch.ones(2))
    assert loaded['meta'] == {}
