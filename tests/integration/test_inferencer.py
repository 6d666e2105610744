"""Our configs in a plain Python session, with MMSegmentation's own API."""

import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
SESSION = """
import sys
config, weights, image = sys.argv[1:]
from mmseg.apis import MMSegInferencer, inference_model, init_model
inferencer = MMSegInferencer(model=config, weights=weights, device='cpu')
label = inferencer(image)['predictions']
model = init_model(config, weights, device='cpu')
sample = inference_model(model, image)
assert (sample.pred_sem_seg.data[0].numpy() == label).all()
print(type(model).__name__, label.shape)
"""


@pytest.mark.parametrize('method', ['same', 'ensemble'])
def test_in_a_plain_session(method, camvid_root, tmp_path, fresh_python):
    path = CONFIGS / f'deeplabv3plus_r18_{method}_camvid.py'
    config = Config.fromfile(path)
    model = MODELS.build(config.model)
    weights = tmp_path / 'weights.pth'
    meta = dict(
        dataset_meta=dict(classes=['a'] * 11, palette=[[i] * 3 for i in range(11)])
    )
    torch.save(dict(state_dict=model.state_dict(), meta=meta), weights)
    image = next((camvid_root / 'img_dir' / 'val').iterdir())
    command = [fresh_python, '-c', SESSION, str(path), str(weights), str(image)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'CooperativeEncoderDecoder (360, 480)' in done.stdout
