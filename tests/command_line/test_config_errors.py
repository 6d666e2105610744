"""Errors of configs are shown in one line, bugs with their traceback."""

import logging
import re
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmseg.registry import HOOKS, MODELS
from torch import nn

from mmseg_coop.apis import build_runner, load_config
from mmseg_coop.command_line import one_line_errors

CONFIG = Path(__file__).parents[2] / 'configs' / 'coop' / 'danet_r18_same_toy.py'


@MODELS.register_module()
class UsersOwnHead(nn.Module):
    """A bug in a user's own code."""

    def __init__(self, **options):
        super().__init__()
        raise KeyError('a bug')


@HOOKS.register_module()
class HookWithBug(Hook):
    """Calls a function wrongly."""

    def before_train(self, runner) -> None:
        dict_of(foo=1)


def dict_of(bar: int) -> dict:
    return dict(bar=bar)


def build(options: dict, tmp_path, train: bool = False) -> None:
    options = {'train_dataloader.dataset.num_images': 2, **options}
    with one_line_errors():
        config = load_config(str(CONFIG), options, str(tmp_path))
        runner = build_runner(config)
        if train:
            runner.train()


AT_BUILD = {
    'model': (
        {'model.type': 'CooperativeEncoderDecodr'},
        r'model: CooperativeEncoderDecodr is not in .* mean CooperativeEncoderDec',
    ),
    'backbone': (
        {'model.backbone.type': 'ResNetV1x'},
        r'model.backbone: ResNetV1x is not in the registry of models; did you mean',
    ),
    'no name': ({'model.backbone.type': ''}, r"model.backbone: '' is not in the reg"),
    'half a name': (
        {'model.backbone.type': '.A'},
        r'model.backbone: \.A is not in the registry of models',
    ),
    'option of the model': (
        {'model.num_network': 2},
        r"model: CooperativeEncoderDecoder can not be built .*'num_network'.*; did you "
        r'mean num_networks',
    ),
    'option of one of the networks': (
        {'model.networks': [dict(name='top'), dict(backbone=dict(dept=50))]},
        r'model.networks\[1\].backbone: ResNetV1c can not .*; did you mean depth',
    ),
    'option of a connector without type': (
        {'model.connections.connector': dict(widht=3)},
        r'model.connections.connector: CoopConnector can not .* did you mean width',
    ),
    'option of a base class': (
        {'model.decode_head.chanels': 3},
        r"model.decode_head: EfficientDAHead can not be built .*'chanels'.*; did you "
        'mean channels',
    ),
    'option unlike any': (
        {'model.connections.connector.foo': 3},
        r"connections.connector: Coop.* can not be built \(TypeError: .*'foo'\)$",
    ),
    'value': (
        {'model.backbone.depth': 19},
        r"model.backbone: ResNetV1c can not be built \(KeyError: 'invalid depth 19",
    ),
    'level': (
        {'model.decode_head.in_index': 7},
        r'networks.top: decode_head.in_index: found 7, but the network has 4 levels of '
        r'feature maps, expected 0 to 3',
    ),
    'hook': (
        {'default_hooks.timer.type': 'IterTimeHook'},
        r'default_hooks.timer: IterTimeHook is not in .* did you mean IterTimerHook',
    ),
    'visualizer': ({'visualizer': 3}, r'the config can not be run .* but got 3'),
}
WHEN_TRAINED = {
    'optimizer': (
        {'optim_wrapper.optimizer.type': 'SGDD'},
        r'optim_wrapper.optimizer: SGDD is not in .* did you mean SGD',
    ),
    'option of the optimizer': (
        {'optim_wrapper.optimizer.lrr': 1},
        r"optim_wrapper.optimizer: SGD can not be built .*'lrr'.*; did you mean lr\?",
    ),
    'weights': (
        {'model.backbone.init_cfg': 'a.pth'},
        "init_cfg of ResNetV1c: found 'a.pth', which can not be used",
    ),
    'dataset': (
        {'train_dataloader.dataset.num_image': 1},
        r"train_dataloader.dataset: ToyStreets can not be built .*'num_image'.* mean "
        'num_images',
    ),
    'transform': (
        {'train_dataloader.dataset.pipeline.0.type': 'RandomFlop'},
        r'train_dataloader.dataset.pipeline\[0\]: RandomFlop is not in .*RandomFlip',
    ),
    'scheduler': (
        {'param_scheduler.0.type': 'PolyL'},
        r'param_scheduler\[0\]: PolyL is not in .* did you mean PolyLR',
    ),
    'loader': (
        {'train_dataloader.batch_size': 0},
        r'train_cfg: .* can not be built \(ValueError: batch_size should be a pos',
    ),
}


@pytest.mark.parametrize('name', AT_BUILD | WHEN_TRAINED)
def test_one_line(name, tmp_path, capsys, monkeypatch):
    # MMEngine's handlers write to what other tests have captured and closed.
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    options, message = (AT_BUILD | WHEN_TRAINED)[name]
    with pytest.raises(SystemExit) as end:
        build(options, tmp_path, train=name in WHEN_TRAINED)
    error = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(error) == 2
    assert error[0].startswith('error: ') and re.search(message, error[0])


def test_a_place_in_a_list_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        build({'param_scheduler.7.end': 3}, tmp_path)
    error = capsys.readouterr().err
    assert error.startswith('error: --cfg-options param_scheduler.7.end: does not fit')


@pytest.mark.parametrize('options', [{'model.decode_head.type': 'UsersOwnHead'}])
def test_a_bug_keeps_its_traceback(options, tmp_path):
    with pytest.raises(KeyError, match='a bug'):
        build(options, tmp_path)


def test_a_bug_of_a_hook_keeps_its_traceback(tmp_path):
    with pytest.raises(TypeError, match='foo'):
        build({'custom_hooks': [dict(type='HookWithBug')]}, tmp_path, train=True)


def test_everything_keeps_its_traceback_on_request(tmp_path, monkeypatch):
    monkeypatch.setenv('MMSEG_COOP_TRACEBACK', '1')
    with pytest.raises(KeyError):
        build({'model.backbone.type': 'ResNetV1x'}, tmp_path)
