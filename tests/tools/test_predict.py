import functools
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.apis import Predictor

from helpers.run_tool import run_tool

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
CONFIG = CONFIGS / 'deeplabv3plus_r18_same_camvid.py'


@pytest.fixture(scope='module')
def folder(camvid_root, tmp_path_factory):
    """Weights, and images with an unreadable one in the middle."""
    folder = tmp_path_factory.mktemp('predict')
    torch.save(
        MODELS.build(Config.fromfile(CONFIG).model).state_dict(), folder / 'a.pth'
    )
    (folder / 'images').mkdir()
    for file in sorted((camvid_root / 'img_dir' / 'val').iterdir())[:2]:
        shutil.copy(file, folder / 'images')
    (folder / 'images' / '0_broken.jpg').write_bytes(b'no image')
    return folder


@pytest.fixture
def predict(folder, monkeypatch, capsys):
    run = functools.partial(run_tool, 'predict.py', folder)

    def predict(*arguments, config=CONFIG):
        return run([config, 'a.pth', *arguments], monkeypatch, capsys)

    return predict


def test_writes_everything_and_names_what_it_skipped(folder, predict):
    kinds = ['overlay', 'label', 'probabilities', 'uncertainty']
    options = ['--out', 'out', '--batch-size', '2', '--save', *kinds]
    done = predict('images', *options)
    assert done.returncode == 1, done.stderr
    assert '1 could not be read:\n  images/0_broken.jpg' in done.stderr
    predictor = Predictor(CONFIG, str(folder / 'a.pth'), 'cpu')
    files = [f for f in (folder / 'images').iterdir() if f.stem != '0_broken']
    assert len(files) == 2
    for file in files:
        expected = predictor(file, networks=True)
        label = cv2.imread(str(folder / f'out/label/{file.stem}.png'), -1)
        assert (label == expected.label).mean() > 0.999
        overlay = cv2.imread(str(folder / f'out/overlay/{file.stem}.jpg'))
        assert np.abs(overlay.astype(int) - expected.overlay()).mean() < 8
        with np.load(folder / f'out/probabilities/{file.stem}.npz') as saved:
            found = saved['probabilities'].astype(float)
            assert saved['classes'][0] == 'sky'
        np.testing.assert_allclose(found, expected.probabilities, atol=2e-3)
        entropy = cv2.imread(
            str(folder / f'out/uncertainty/{file.stem}_entropy.png'), -1
        )
        np.testing.assert_allclose(entropy / 255, expected.entropy, atol=4e-3)
    assert not list((folder / 'out').rglob('0_broken*'))


def test_a_video_in_a_video_out(folder, predict):
    path = str(folder / 'drive.mp4')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), 5, (96, 64))
    for i in range(3):
        writer.write(np.full((64, 96, 3), 80 * i, np.uint8))
    writer.release()
    done = predict('drive.mp4', '--out', 'video')
    assert done.returncode == 0, done.stderr
    written = cv2.VideoCapture(str(folder / 'video' / 'overlay' / 'drive.mp4'))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert written.get(cv2.CAP_PROP_FRAME_WIDTH) == 96


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere'], "SOURCE: found no image or video 'nowhere'"),
        (['images', '--batch-size', '0'], '--batch-size: found 0, expected 1 or more'),
        (['images', '--device', 'foo'], "device: 'foo' can not be used"),
        (
            ['images', '--out', 'a.pth'],
            '--out: found the file a.pth, expected a folder',
        ),
        (['images', '--cfg-options', 'model=3'], ''),
        (['images', '--opacity', '2'], '--opacity: found 2.0, expected 0 to 1'),
    ],
)
def test_errors_are_one_line(predict, arguments, message):
    done = predict(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(f'error: {message}')
    assert 'Traceback' not in done.stderr
