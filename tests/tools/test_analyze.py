import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

REPO = Path(__file__).parents[2]
CONFIGS = REPO / 'configs' / 'coop'
CONFIG = CONFIGS / 'danet_r18_multi_toy.py'


def analyze(folder, *arguments):
    command = [sys.executable, str(REPO / 'tools' / 'analyze.py'), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_draws_graph_and_cooperation(tmp_path):
    model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    done = analyze(tmp_path, CONFIG, 'a.pth', '--graph', '--num-images', 2)
    assert done.returncode == 0, done.stderr
    assert 'bottom.decode_head.pam' in done.stdout
    assert 'strength (bottom)' in done.stdout
    folder = tmp_path / 'analysis'
    for name in ('graph.png', 'cooperation.png'):
        assert np.asarray(Image.open(folder / name).convert('L')).std() > 5
    assert '<svg' in (folder / 'graph.svg').read_text()
    assert (folder / 'graph.mmd').read_text().startswith('flowchart TB')
    scalars = json.loads((folder / 'cooperation.json').read_text())
    # Untrained connectors use nothing yet.
    assert scalars['cooperation/strength/bottom.backbone.layer1'] == 0
    assert len(scalars) == 12


def test_errors_are_one_line(tmp_path):
    single = CONFIGS / 'danet_r18_single_toy.py'
    for arguments, message in (
        ([CONFIG], 'name a checkpoint behind the config, or give --graph'),
        ([single, '--graph'], "model.type: found 'EncoderDecoder', expected"),
        ([CONFIG, 'nowhere.pth'], 'there is no file nowhere.pth'),
        ([CONFIG, '--graph', '--num-images', '0'], '--num-images: found 0'),
    ):
        done = analyze(tmp_path, *arguments)
        assert done.returncode == 2 and 'Traceback' not in done.stderr
        assert done.stderr.startswith('error: ') and message in done.stderr
