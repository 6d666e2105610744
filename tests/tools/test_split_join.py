"""Networks extracted from a cooperative model, and joined to one."""

import copy
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS

from mmseg_coop.checkpoints.training_record import training_runs_of
from mmseg_coop.models.checkpoint_weights import load_weights
from mmseg_coop.models.mean_of_probabilities import mean_of_probabilities

from helpers.differing import METAS, MIXED, SEGFORMER
from helpers.harmful import WAYS, harmful_checkpoint
from helpers.run_tool import HOST_TOOLS, run_tool
from helpers.tiny import HEADS, fcn_head, network_config

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
RANDOM = dict(start='random')
IMAGES = torch.randn(1, 3, 64, 64)


def write(folder: Path, name: str, model: dict):
    """A config and a checkpoint of random weights, and the model."""
    folder.mkdir(exist_ok=True)
    Config(dict(model=copy.deepcopy(model))).dump(folder / f'{name}.py')
    built = MODELS.build(model).eval()
    for module in built.modules():
        if hasattr(module, 'running_mean'):
            module.running_mean.normal_()
    meta = dict(dataset_meta=dict(classes=list('abcde')), experiment_name=name)
    state = dict(state_dict=built.state_dict(), meta=meta)
    torch.save(state, folder / f'{name}.pth')
    return built


def pair(folder: Path, connections=None, network='danet', **changes):
    kind = 'CooperativeEncoderDecoder'
    options = dict(type=kind, connections=connections, **changes)
    return write(folder, 'pair', network_config(network, **options))


def read(folder: Path, name: str):
    """Build the written model with MMSegmentation."""
    assert sorted(p.name for p in folder.iterdir()) == [f'{name}.pth', f'{name}.py']
    config = Config.fromfile(folder / f'{name}.py')
    model = MODELS.build(config.model)
    checkpoint = load_weights(model, str(folder / f'{name}.pth'))
    assert checkpoint['meta']['dataset_meta']['classes'] == list('abcde')
    return config, model.eval()


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return predict(self.model, images)


@torch.no_grad()
def predict(model, images=IMAGES):
    return model.encode_decode(images, METAS)


@pytest.fixture
def tool(tmp_path, monkeypatch, capsys):
    def run(name, *arguments):
        return run_tool(f'{name}.py', tmp_path, arguments, monkeypatch, capsys)

    return run


@pytest.fixture
def split(tool):
    def run(network, *options):
        arguments = 'pair.py', 'pair.pth', '--network', network, '--out', 'out'
        return tool('split', *arguments, *options)

    return run


@pytest.mark.parametrize('network', ['top', 'bottom'])
def test_a_network_that_receives_nothing_becomes_an_ordinary_one(
    network, tmp_path, split
):
    head = dict(network_config('danet').decode_head, type='EfficientDAHead')
    networks = copy.deepcopy(MIXED)
    networks['bottom']['data_preprocessor'] = dict(mean=[1.0] * 3)
    begin = dict(type='Pretrained', checkpoint='begin.pth')
    networks['bottom']['backbone']['init_cfg'] = begin
    model = pair(
        tmp_path,
        networks=networks,
        pretrained='begin.pth',
        decode_head=head,
        data_preprocessor=dict(
            type='SegDataPreProcessor', std=[2.0] * 3, mean=[0.0] * 3
        ),
        test_cfg=dict(mode='whole', predict='mean'),
    )
    done = split(network)
    assert done.returncode == 0, done.stderr
    assert 'an ordinary model of MMSegmentation' in done.stdout
    config, alone = read(tmp_path / 'out', f'pair_{network}')
    assert type(alone) is EncoderDecoder and 'custom_imports' not in config
    assert 'mmseg_coop' not in config.pretty_text
    assert 'begin.pth' not in config.pretty_text
    kind = type(alone.decode_head).__name__
    assert kind == dict(top='DAHead', bottom='SegformerHead')[network]
    mean = dict(top=0.0, bottom=1.0)[network]
    assert alone.data_preprocessor.mean.flatten().tolist() == [mean] * 3
    # The efficient head adds up in another order.
    torch.testing.assert_close(predict(alone), predict(model.networks[network]))


SAME = dict(pattern='same', connector=RANDOM)
CASES = {
    'same': (SAME, {}, 'bottom', ['top', 'bottom']),
    'multi': (dict(SAME, pattern='multi'), {}, 'bottom', ['top', 'bottom']),
    'chain': (SAME, dict(num_networks=4), 'net2', ['net1', 'net2']),
    'long chain': (SAME, dict(num_networks=4), 'net3', ['net1', 'net2', 'net3']),
    'cross': (dict(SAME, pattern='cross'), {}, 'top', ['top', 'bottom']),
    'backbones': (dict(SAME, sites='backbone'), {}, 'bottom', ['top', 'bottom']),
    'levels that an auxiliary head reads': (
        SAME,
        dict(
            decode_head=dict(HEADS['danet'], in_channels=16, in_index=1),
            auxiliary_head=fcn_head(64, 3),
        ),
        'bottom',
        ['top', 'bottom'],
    ),
    'networks that differ': (
        dict(SAME, sites='backbone'),
        dict(networks=MIXED),
        'bottom',
        ['top', 'bottom'],
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_the_smallest_model_that_predicts_the_same(name, tmp_path, split):
    connections, options, network, kept = CASES[name]
    options = copy.deepcopy(options)
    test_cfg = dict(mode='whole', predict=network)
    model = pair(tmp_path, connections, test_cfg=test_cfg, **options)
    done = split(network)
    assert done.returncode == 0, done.stderr
    config, small = read(tmp_path / 'out', f'pair_{network}')
    assert list(small.networks) == kept
    assert config.custom_imports.imports == ['mmseg_coop']
    assert torch.equal(predict(small), predict(model))
    assert not any(n.with_auxiliary_head for n in small.networks.values())
    if 'sites' in connections:
        # Only top's backbone is read.
        assert not list(small.networks.top.decode_head.parameters())
        with pytest.raises(ValueError, match='has no decode head'):
            small.all_logits(IMAGES, METAS)
        # Recording a graph runs networks to their end.
        one = Logits(small)
        recorded = torch.export.export(one, (IMAGES,)).module()
        torch.testing.assert_close(recorded(IMAGES), one(IMAGES))
    count = [sum(p.numel() for p in m.parameters()) for m in (model, small)]
    assert count[1] < count[0]
    assert f'{count[1] / 1e6:.3g} M of {count[0] / 1e6:.3g} M' in done.stdout


def test_a_network_that_sends_is_an_ordinary_one(tmp_path, split):
    model = pair(tmp_path, SAME)
    assert split('top').returncode == 0
    _, alone = read(tmp_path / 'out', 'pair_top')
    assert type(alone) is EncoderDecoder
    assert torch.equal(predict(alone), predict(model.networks.top))


def test_a_network_that_receives_for_its_auxiliary_head_only(tmp_path, split):
    levels = CASES['levels that an auxiliary head reads'][1]
    connections = dict(SAME, sites=['backbone.layer4'])
    model = pair(tmp_path, connections, **copy.deepcopy(levels))
    done = split('bottom')
    assert done.returncode == 0, done.stderr
    _, alone = read(tmp_path / 'out', 'pair_bottom')
    assert type(alone) is EncoderDecoder
    torch.testing.assert_close(predict(alone), predict(model))


def test_alone_after_connection_dropout(tmp_path, split):
    model = pair(tmp_path, dict(SAME, dropout=0.5))
    assert split('bottom', '--alone').returncode == 0
    _, alone = read(tmp_path / 'out', 'pair_bottom')
    with model.plan.without([str(target) for target in model.plan.incoming]):
        assert torch.equal(predict(alone), predict(model))


def test_not_alone_without_it(tmp_path, split):
    pair(tmp_path, SAME)
    done = split('bottom', '--alone')
    assert done.returncode == 2 and not (tmp_path / 'out').exists()
    assert 'error: --alone: bottom receives feature maps' in done.stderr


def test_settings_that_name_networks_are_those_of_the_one(tmp_path, split):
    file = 'work_dirs/pair.pth'
    pair(tmp_path, networks=dict(top=dict(init=file), bottom=dict()))
    rates = {
        'networks.top.backbone': 0.1,
        'networks.bottom': 0.2,
        'decode_head': 10.0,
        'plan': 3.0,
    }
    keys = {key: dict(lr_mult=rate) for key, rate in rates.items()}
    with (tmp_path / 'pair.py').open('a') as config:
        config.write(
            f"""
default_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook',
        save_best=['bottom/mIoU', 'agreement', 'mIoU'],
        rule=['greater', 'less', 'greater'],
    )
)
custom_hooks = [
    dict(type='EarlyStoppingHook', monitor='mean/mIoU', patience=1),
    dict(type='EarlyStoppingHook', monitor='bottom/ECE', patience=2),
]
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1),
    paramwise_cfg=dict(custom_keys={keys}),
)
"""
        )
    assert split('top').returncode == 0
    config, alone = read(tmp_path / 'out', 'pair_top')
    hook = config.default_hooks.checkpoint
    assert hook.save_best == ['mIoU'] and 'rule' not in hook
    assert [h.monitor for h in config.custom_hooks] == ['mIoU']
    assert file not in config.pretty_text
    groups = build_optim_wrapper(alone, config.optim_wrapper).optimizer.param_groups
    names = [name for name, _ in alone.named_parameters()]
    for name, group in zip(names, groups, strict=True):
        rate = {'backbone': 0.1, 'decode_head': 10.0}.get(name.split('.')[0], 1.0)
        assert group['lr'] == pytest.approx(0.1 * rate)


def wrong(name, folder):
    """Arguments of a split that can't be, and what its error says."""
    arguments = dict(config='pair.py', weights='pair.pth', network='top', out='out')
    if name == 'no such network':
        arguments['network'] = 'middle'
        return arguments, "--network: found 'middle', expected one of top, bottom"
    if name == 'no checkpoint':
        arguments['weights'] = 'nowhere.pth'
        return arguments, 'there is no file nowhere.pth'
    if name == 'another checkpoint':
        write(folder, 'other', network_config('deeplabv3plus'))
        arguments['weights'] = 'other.pth'
        return (
            arguments,
            'CHECKPOINT: other.pth is a checkpoint of another architecture',
        )
    if name == 'a single network':
        write(folder, 'other', network_config('danet'))
        arguments.update(config='other.py', weights='other.pth')
        return (
            arguments,
            "other.py: model.type: found 'EncoderDecoder', expected a",
        )
    if name == 'a network with fewer channels':
        four = dict(backbone=dict(in_channels=4))
        pair(folder, networks=dict(four=four, top=dict(inputs=[0, 1, 2])))
        return arguments, 'networks.top.inputs: found [0, 1, 2], not all 4 channels'
    if name == 'code':
        harm = WAYS['mkdir'](str(folder / 'harmed'))
        torch.save(harmful_checkpoint(harm), folder / 'pair.pth')
        return arguments, 'pair.pth is refused: loading it would run'
    (folder / 'out').mkdir()
    (folder / 'out' / 'file').touch()
    return arguments, 'out is there already; expected a new folder'


@pytest.mark.parametrize(
    'name',
    [
        'no such network',
        'no checkpoint',
        'another checkpoint',
        'a single network',
        'a network with fewer channels',
        'code',
        'a folder that is there',
    ],
)
def test_wrong_splits_leave_nothing(name, tmp_path, tool):
    pair(tmp_path)
    arguments, message = wrong(name, tmp_path)
    before = sorted(tmp_path.rglob('*'))
    done = tool(
        'split',
        arguments['config'],
        arguments['weights'],
        '--network',
        arguments['network'],
        '--out',
        arguments['out'],
    )
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert f'error: {message}' in done.stderr or message in done.stderr
    assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.parametrize('differ', [False, True])
def test_singles_become_an_ensemble(differ, tmp_path, tool):
    one = write(tmp_path / 'a', 'one', network_config('danet'))
    second = copy.deepcopy(SEGFORMER) if differ else {}
    if differ:
        windows = dict(crop_size=(64, 64), stride=(32, 32))
        second |= dict(test_cfg=dict(mode='slide', **windows), pretrained='begin.pth')
    two = write(tmp_path / 'b', 'two', network_config('danet', **second))
    done = tool('join', 'a', 'b/two.pth', '--out', 'out')
    assert done.returncode == 0, done.stderr
    config, model = read(tmp_path / 'out', 'one_ensemble')
    assert model.predict_with == 'mean'
    assert ('networks' in config.model) == differ
    note = "Note: b/two.py is predicted with {'mode': 'slide', 'crop_size': (64, 64), "
    assert (note in done.stdout) == differ
    # Nor does it need what they started from.
    assert 'begin.pth' not in config.pretty_text
    expected = mean_of_probabilities([predict(one), predict(two)])
    torch.testing.assert_close(predict(model), expected, rtol=0, atol=0)
    # And back.
    arguments = 'out/one_ensemble.py', 'out/one_ensemble.pth', '--network', 'bottom'
    assert tool('split', *arguments, '--out', 'back').returncode == 0
    _, back = read(tmp_path / 'back', 'one_ensemble_bottom')
    joined, taken = (
        training_runs_of(torch.load(tmp_path / file)['meta'])
        for file in ('out/one_ensemble.pth', 'back/one_ensemble_bottom.pth')
    )
    assert joined == [
        dict(config='one', network='top'),
        dict(config='two', network='bottom'),
    ]
    assert taken == [dict(config='two')]
    assert torch.equal(predict(back), predict(two))


def test_singles_become_the_start_of_a_cooperative_training(tmp_path, tool):
    singles = [write(tmp_path / name, name, network_config('danet')) for name in 'abc']
    done = tool('join', 'a', 'b/b.py,b/b.pth', 'c', '--pattern', 'same', '--out', 'out')
    assert done.returncode == 0, done.stderr
    assert 'load_from=out/a_same.pth' in done.stdout
    _, model = read(tmp_path / 'out', 'a_same')
    assert list(model.networks) == ['net1', 'net2', 'net3']
    assert len(model.plan.connectors) == 12
    # On the identity.
    assert torch.equal(predict(model), predict(singles[-1]))


def test_wrong_joins_leave_nothing(tmp_path, tool):
    for name in ('a', 'b'):
        write(tmp_path / name, name, network_config('danet'))
    write(tmp_path / 'other', 'other', network_config('deeplabv3plus'))
    pair(tmp_path / 'pair', network='danet')
    other = torch.load(tmp_path / 'b' / 'b.pth')
    other['meta']['dataset_meta']['classes'] = list('vwxyz')
    torch.save(other, tmp_path / 'b' / 'classes.pth')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'half').mkdir()
    (tmp_path / 'half' / 'half.py').write_text('model = dict()')
    before = sorted(tmp_path.rglob('*'))
    for arguments, message in (
        (['a'], 'found 1 model, expected 2 or more'),
        (['a', 'nowhere'], 'nowhere: there is no such file or folder'),
        (['a', 'b/b.py'], 'b/b.py'),
        (['a', 'empty'], 'empty: there is no config (*.py) in it'),
        (['a', 'half'], 'half: there is no checkpoint (*.pth, *.safetensors) in it'),
        (['a', 'b'], 'b: found b.pth, classes.pth, expected one checkpoint'),
        (['a', 'a/a.py,b/classes.pth'], 'classes.pth: found the classes v, w, x'),
        (['a', 'a/a.py,other/other.pth'], 'other.pth is a checkpoint of another'),
        (['a', 'pair'], 'pair.py: is a cooperative model, expected a single'),
        (['a', 'b/b.pth', '--pattern', 'foo'], "connections.pattern: found 'foo'"),
        (['a', 'b/b.pth', '--cfg-options', 'model.type.x=1'], 'model.type.x: does not'),
    ):
        done = tool('join', *arguments, '--out', 'out')
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert message in done.stderr
        assert sorted(tmp_path.rglob('*')) == before


WITHOUT_PACKAGE = """
import runpy, sys
sys.modules['mmseg_coop'] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_the_hosts_tool_tests_it_without_this_package(
    tmp_path, camvid_root, monkeypatch, capsys, python
):
    """To the mIoU that our tool finds for the network."""
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'camvid').symlink_to(camvid_root)
    first = min(p.stem for p in (camvid_root / 'ann_dir' / 'val').iterdir())
    (tmp_path / 'one.txt').write_text(first)
    base = CONFIGS / 'danet_r18_ensemble_camvid.py'
    (tmp_path / 'pair.py').write_text(
        f"_base_ = '{base}'\n"
        'test_dataloader = dict(num_workers=0, persistent_workers=False, '
        f"dataset=dict(ann_file='{tmp_path / 'one.txt'}'))\n"
        "env_cfg = dict(dist_cfg=dict(backend='gloo'))\n"
    )
    torch.save(
        MODELS.build(Config.fromfile(base).model).state_dict(), tmp_path / 'pair.pth'
    )
    arguments = 'pair.py', 'pair.pth'
    ours = run_tool('test.py', tmp_path, arguments, monkeypatch, capsys)
    assert ours.returncode == 0, ours.stderr
    arguments = *arguments, '--network', 'bottom', '--out', 'out'
    assert (
        run_tool('split.py', tmp_path, arguments, monkeypatch, capsys).returncode == 0
    )
    files = 'out/pair_bottom.py', 'out/pair_bottom.pth'
    done = subprocess.run(
        [python, '-c', WITHOUT_PACKAGE, str(HOST_TOOLS / 'test.py'), *files],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = figure(done.stdout + done.stderr, 'mIoU')
    assert found == figure(ours.stdout + ours.stderr, 'bottom/mIoU')


def figure(text: str, name: str) -> str:
    """The last value of a metric in a log."""
    words = text.replace('{', ' ').split()
    places = [i for i, word in enumerate(words) if word == f'{name}:']
    return words[places[-1] + 1]
