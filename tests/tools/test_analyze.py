import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from helpers.run_tool import run_tool

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
CONFIG = CONFIGS / 'danet_r18_multi_toy.py'


@pytest.fixture
def analyze(tmp_path, monkeypatch, capsys):
    run = functools.partial(run_tool, 'analyze.py', tmp_path)
    return lambda *arguments: run(arguments, monkeypatch, capsys)


def test_draws_graph_and_cooperation(tmp_path, analyze):
    model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    done = analyze(CONFIG, 'a.pth', '--graph', '--num-images', 2)
    assert done.returncode == 0, done.stderr
    assert 'bottom.decode_head.pam' in done.stdout
    assert 'strength (bottom)' in done.stdout
    folder = tmp_path / 'analysis'
    assert np.asarray(Image.open(folder / 'graph.png').convert('L')).std() > 5
    assert '<svg' in (folder / 'graph.svg').read_text()
    scalars = json.loads((folder / 'cooperation.json').read_text())
    # Untrained connectors use nothing yet.
    assert scalars['cooperation/strength/bottom.backbone.layer1'] == 0
    assert len(scalars) == 12


def test_errors_are_one_line(analyze):
    single = CONFIGS / 'danet_r18_single_toy.py'
    for arguments, message in (
        ([CONFIG], 'give a checkpoint after the config, or give --graph'),
        ([single, '--graph'], "model.type: found 'EncoderDecoder', expected"),
        ([CONFIG, 'nowhere.pth'], 'there is no file nowhere.pth'),
        ([CONFIG, '--graph', '--num-images', '0'], '--num-images: found 0'),
    ):
        done = analyze(*arguments)
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert done.stderr.startswith('error: ') and message in done.stderr
