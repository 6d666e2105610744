"""MMSegmentation's own tools run this project's configs, and the other way round."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from helpers.run_tool import HOST_TOOLS, TOOLS, run_tool

OWN = """
_base_ = 'mmseg_coop::coop/danet_r18_same_toy.py'
train_dataloader = dict(dataset=dict(num_images=16))
val_dataloader = dict(dataset=dict(num_images=8))
test_dataloader = dict(dataset=dict(num_images=8))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""
# Smaller, and with other data; its metric, hooks, loops and schedule are the host's.
HOSTS = """
_base_ = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
custom_imports = dict(imports=['mmseg_coop'], allow_failed_imports=False)
model = dict(
    type='CooperativeEncoderDecoder',
    connections=dict(pattern='same'),
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(init_cfg=None, embed_dims=8, num_layers=[1, 1, 1, 1]),
    decode_head=dict(
        in_channels=[8, 16, 40, 64], channels=8, norm_cfg=dict(type='BN')
    ),
)
train_dataloader = val_dataloader = test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root='ade',
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', reduce_zero_label=True),
            dict(type='PackSegInputs'),
        ],
    ),
)
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A user's configs, in a folder of their own, with a few images."""
    (tmp_path / 'own.py').write_text(OWN)
    (tmp_path / 'hosts.py').write_text(HOSTS)
    random = np.random.default_rng(0)
    for i in range(2):
        for name, shape in (('img/{}.jpg', (80, 96, 3)), ('ann/{}.png', (80, 96))):
            path = tmp_path / 'ade' / name.format(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), random.integers(0, 151, shape, np.uint8))
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    def run(tools, name, *args):
        done = run_tool(name, folder, args, monkeypatch, capsys, tools)
        assert done.returncode == 0, done.stderr
        return done

    return run


def metrics(done) -> str:
    """Metrics that a test prints."""
    (line,) = (x for x in done.stdout.splitlines() if 'Iter(test)' in x)
    return line[line.index('aAcc') : line.index('data_time')]


def test_the_host_trains_and_tests_our_config(folder, run):
    run(TOOLS, 'misc/print_config.py', 'own.py', '--save-path', 'flat.py')
    assert '_base_' not in (folder / 'flat.py').read_text()
    run(HOST_TOOLS, 'train.py', 'flat.py')
    weights = 'work_dirs/flat/iter_2.pth'
    theirs = run(HOST_TOOLS, 'test.py', 'flat.py', weights)
    ours = run(TOOLS, 'test.py', 'own.py', weights)
    assert metrics(theirs) == metrics(ours)
    assert 'bottom/mIoU' in metrics(theirs)


def test_ours_train_and_test_the_hosts_config(folder, run):
    run(TOOLS, 'train.py', 'hosts.py')
    weights = 'work_dirs/hosts/iter_2.pth'
    ours = run(TOOLS, 'test.py', 'hosts.py', weights)
    # What a run leaves inherits nothing.
    theirs = run(HOST_TOOLS, 'test.py', 'work_dirs/hosts/hosts.py', weights)
    assert metrics(theirs) == metrics(ours)


def test_tools_of_the_host_that_look_at_a_config(folder, run):
    options = '--save-path', 'flat.py', '--graph'
    shown = run(TOOLS, 'misc/print_config.py', 'own.py', *options).stdout
    assert 'CooperativeEncoderDecoder(' in shown
    graph = (folder / 'flat-graph.txt').read_text()
    assert graph.startswith('CooperativeEncoderDecoder(')
    shape = '--shape', '64', '96'
    done = run(HOST_TOOLS, 'analysis_tools/get_flops.py', 'flat.py', *shape)
    assert 'Params: ' in done.stdout
    show = 'flat.py', '--output-dir', 'shown', '--not-show'
    run(HOST_TOOLS, 'analysis_tools/browse_dataset.py', *show)
    assert len(list((folder / 'shown').glob('*.png'))) == 16
    # The host finds its own place for what a run leaves.
    assert 'work_dir' not in Config.fromfile(folder / 'flat.py')
