"""Export from the command line, with real images where they are there."""

import sys
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.apis import Predictor

from helpers.harmful import WAYS, harmful_checkpoint
from helpers.run_tool import run_tool
from helpers.tiny import SHORT_CONFIG

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
CONFIG = 'short.py'
CROSS = CONFIGS / 'danet_r18_segformer_b0_cross_camvid.py'
OUT = ['--out', 'new.onnx']
SLIDE = ['--cfg-options', 'model.test_cfg.mode=slide']
SLIDE += [f'model.test_cfg.{key}=(64,64)' for key in ('crop_size', 'stride')]

pytestmark = pytest.mark.filterwarnings('ignore')


def save(config, path):
    torch.manual_seed(0)
    weights = MODELS.build(Config.fromfile(config).model).state_dict()
    torch.save(dict(state_dict=weights), path)


@pytest.fixture(scope='module')
def folder(tmp_path_factory, camvid_root):
    folder = tmp_path_factory.mktemp('export')
    (folder / CONFIG).write_text(SHORT_CONFIG)
    save(folder / CONFIG, folder / 'a.pth')
    save(CROSS, folder / 'cross.pth')
    torch.save(dict(a=torch.zeros(1)), folder / 'other.pth')
    torch.save(harmful_checkpoint(WAYS['mkdir']('made')), folder / 'harm.pth')
    picture = cv2.imread(str(sorted((camvid_root / 'img_dir' / 'val').iterdir())[0]))
    cv2.imwrite(str(folder / 'image.png'), picture[:96, :128])
    return folder


@pytest.fixture
def export(folder, monkeypatch, capsys):
    return lambda *arguments: run_tool(
        'export.py', folder, arguments, monkeypatch, capsys
    )


def test_labels_of_an_image_as_it_was_read(folder, export):
    onnxruntime = pytest.importorskip('onnxruntime')
    size = ['--size', 96, 128]
    done = export(CONFIG, 'a.pth', *OUT, '--preprocess', *size, '--images', 'image.png')
    assert done.returncode == 0, done.stderr
    for text in ('outputs: label, probabilities', 'largest difference', 'PyTorch'):
        assert text in done.stdout
    session = onnxruntime.InferenceSession(folder / 'new.onnx')
    picture = cv2.imread(str(folder / 'image.png'))
    found = session.run(['label'], {'image': picture.transpose(2, 0, 1)[None]})[0]
    predictor = Predictor(folder / CONFIG, str(folder / 'a.pth'), 'cpu')
    expected = predictor(str(folder / 'image.png')).label
    assert (found[0] == expected).mean() > 0.999
    (folder / 'new.onnx').unlink()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([CONFIG, 'other.pth', *OUT], 'another architecture'),
        ([CONFIG, 'nowhere.pth', *OUT], 'there is no file nowhere.pth'),
        ([CONFIG, 'harm.pth', *OUT], 'loading it would run'),
        ([CROSS, 'cross.pth', *OUT, '--images', 'image.png'], 'read each other'),
        ([CONFIG, 'a.pth', *OUT, '--opset', 12], '--opset: found 12, expected 18 to'),
        ([CONFIG, 'a.pth', *OUT, '--opset', 99], '--opset: found 99, expected 18 to'),
        ([CONFIG, 'a.pth', *OUT, '--size', 0, 9], '--size: found 0 9'),
        ([CONFIG, 'a.pth', *OUT, '--size', 64, 96, *SLIDE], '--size: found 64 96, exp'),
        ([CONFIG, 'a.pth', '--out', 'new.txt'], '--out: found new.txt, expected'),
        ([CONFIG, 'a.pth', *OUT, '--format', 'torch'], 'with suffix .pt2'),
        ([CONFIG, 'a.pth', '--out', 'a.pth/a.onnx'], '--out: found the file a.pth, ex'),
        ([CONFIG, 'a.pth', *OUT, '--images', 'no.png'], 'no.png'),
        (
            [CONFIG, 'a.pth', *OUT, '--cfg-options', 'model.test_cfg.predict=left'],
            "test_cfg.predict: found 'left'",
        ),
    ],
)
def test_errors_are_one_line_and_leave_nothing(folder, export, arguments, message):
    before = sorted(folder.iterdir())
    done = export(*arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert sorted(folder.iterdir()) == before


def test_packages_that_are_missing_are_named(export, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    done = export(CONFIG, 'a.pth', *OUT)
    assert done.returncode == 2
    assert '--format onnx: import of onnxruntime halted' in done.stderr
