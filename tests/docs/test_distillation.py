"""The smaller student of docs/distillation.md, with two iterations of training."""

import re
from pathlib import Path

import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.checkpoints.safe_load import read_checkpoint
from mmseg_coop.models.checkpoint_weights import part_of

from helpers.run_tool import run_tool

REPO = Path(__file__).parents[2]
PAGE = (REPO / 'docs' / 'distillation.md').read_text()
NAME, TEXT = re.search(
    r'^```python title="([^"]+)"\n(.*?)^```$', PAGE, re.M | re.S
).groups()
SHORT = ['train_cfg.max_iters=2', 'train_dataloader.dataset.num_images=4']
SHORT += ['train_dataloader.batch_size=2', 'val_dataloader.dataset.num_images=2']


def test_a_smaller_student_is_trained(tmp_path, monkeypatch, capsys):
    (tmp_path / NAME).write_text(TEXT)
    pair = MODELS.build(
        Config.fromfile(REPO / 'configs/coop/danet_r18_same_toy.py').model
    )
    file = tmp_path / 'work_dirs/danet_r18_same_toy/iter_300.pth'
    file.parent.mkdir(parents=True)
    torch.save(pair.state_dict(), file)
    done = run_tool(
        'train.py', tmp_path, [NAME, '--cfg-options', *SHORT], monkeypatch, capsys
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / 'work_dirs' / Path(NAME).stem / 'iter_2.pth'
    weights = read_checkpoint(str(path))['state_dict']
    top, student = (
        sum(x.numel() for x in part_of(weights, f'networks.{name}').values())
        for name in ('top', 'student')
    )
    assert student < top / 3
    # The pair is frozen.
    for key, value in pair.state_dict().items():
        assert torch.equal(weights[key], value), key
