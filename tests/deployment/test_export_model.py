"""Files that are written, run by ONNX Runtime and PyTorch without this package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmseg_coop.deployment.export import export as exporting
from mmseg_coop.deployment.export import export_model
from mmseg_coop.deployment.export.record_graph import record

from helpers.tiny import (
    BACKBONE,
    build_pair,
    enliven,
    fcn_head,
    network_config,
)

pytest.importorskip('onnxscript')
onnxruntime = pytest.importorskip('onnxruntime')

pytestmark = pytest.mark.filterwarnings('ignore')
PREPROCESSOR = dict(
    type='SegDataPreProcessor', mean=[128.0] * 3, std=[64.0] * 3, bgr_to_rgb=True
)
# Of probabilities, between PyTorch and another runtime, as the tool demands.
TOLERANCE = 1e-4
SIZE = (32, 48)
# What is recorded takes its time by the operation.
ONE_STAGE = dict(
    backbone=dict(
        BACKBONE, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)
    ),
    decode_head=fcn_head(8, 0),
)
IMPORTS_NO_MORE_THAN_PYTORCH = """
import sys, torch
program = torch.export.load(sys.argv[1]).module()
torch.save(program(torch.load(sys.argv[2])), sys.argv[3])
assert not {name.partition('.')[0] for name in sys.modules} & {'mmseg_coop', 'mmseg'}
"""


@MODELS.register_module()
class Halved(nn.Module):
    """A neck that wants two rows and columns of its features."""

    def forward(self, features):
        return [F.avg_pool2d(x, 2) for x in features]


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    connections = dict(pattern='same', connector=dict(start='random'))
    options = dict(auxiliary_head=fcn_head(8, 0), data_preprocessor=PREPROCESSOR)
    return enliven(build_pair(connections=connections, **ONE_STAGE, **options))


@pytest.fixture(scope='module')
def small():
    """A network that is recorded in less time."""
    torch.manual_seed(0)
    options = dict(auxiliary_head=None, data_preprocessor=PREPROCESSOR)
    config = network_config('danet', **ONE_STAGE, **options)
    return enliven(MODELS.build(config))


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (3, *SIZE), dtype=torch.uint8, generator=generator)
        for _ in range(2)
    ]


def expected_of(model, image):
    """Probabilities of bottom, in PyTorch."""
    inputs = (image.float().flip(1) - 128) / 64
    size = tuple(image.shape[2:])
    metas = [dict(img_shape=size, ori_shape=size)]
    with torch.no_grad():
        return model.all_logits(inputs, metas)['bottom'].softmax(1)


def test_onnx_for_images_of_any_size(model, images, tmp_path):
    out = tmp_path / 'model.onnx'
    options = dict(preprocess=True, uncertainty=True, metadata=dict(classes=['a']))
    exported = export_model(model, images, out, **options)
    assert exported.variable == 'batch, height, width' and not exported.refused
    assert exported.size == out.stat().st_size
    session = onnxruntime.InferenceSession(out)
    (given,), (label, *_) = session.get_inputs(), session.get_outputs()
    assert given.shape == ['batch', 3, 'height', 'width']
    assert label.shape == ['batch', 'height', 'width']
    meta = json.loads(session.get_modelmeta().custom_metadata_map['mmseg_coop'])
    assert meta == dict(classes=['a'], varies='batch, height, width')
    for shape in ((1, 3, *SIZE), (3, 3, 61, 39)):
        image = torch.randint(0, 256, shape, dtype=torch.uint8)
        names = ['label', 'probabilities', 'entropy', 'disagreement']
        found = session.run(names, {'image': image.numpy()})
        expected = expected_of(model, image).numpy()
        np.testing.assert_allclose(found[1], expected, atol=TOLERANCE)
        assert (found[0] == expected.argmax(1)).mean() > 0.999
        assert found[3].dtype == bool


@pytest.fixture(scope='module')
def program(model, images, tmp_path_factory):
    """A program for images of one size: its file, and what the export tells."""
    out = tmp_path_factory.mktemp('program') / 'model.pt2'
    options = dict(format='torch', preprocess=True, size=SIZE)
    return out, export_model(model, images, out, **options)


def test_a_program_runs_in_pytorch_alone(program, model, images, tmp_path):
    out, exported = program
    # One that knows only images of this size is smaller and made sooner.
    assert exported.variable == 'batch'
    image = torch.stack(images)
    torch.save(image, tmp_path / 'image.pt')
    files = str(out), str(tmp_path / 'image.pt'), str(tmp_path / 'found.pt')
    command = [sys.executable, '-c', IMPORTS_NO_MORE_THAN_PYTORCH, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = torch.load(tmp_path / 'found.pt')
    expected = expected_of(model, image)
    torch.testing.assert_close(found['probabilities'], expected, atol=TOLERANCE, rtol=0)


def test_what_nobody_reads_is_left_out(program, model):
    out, exported = program
    parts = dict(model.networks.named_children())
    top, bottom = parts['top'], parts['bottom']

    def count(module):
        return sum(value.numel() for value in module.parameters())

    # Of top's head, what comes after the feature that is sent.
    assert 0 < exported.dead['top.decode_head'] < count(top.decode_head)
    assert exported.dead['top.auxiliary_head'] == count(top.auxiliary_head)
    assert exported.dead['bottom.auxiliary_head'] == count(bottom.auxiliary_head)
    assert set(exported.dead) == {f'{name}.auxiliary_head' for name in parts} | {
        'top.decode_head'
    }
    assert exported.parameters + sum(exported.dead.values()) == count(model)
    written = torch.export.load(out)
    assert sum(p.numel() for p in written.parameters()) == exported.parameters


@pytest.fixture(scope='module')
def recordings():
    """Recordings of the small network, by the number of axes that may vary."""
    return {}


@pytest.fixture
def wrong(monkeypatch, recordings):
    """An exporter that makes a mistake, at all sizes or at some.

    It makes it behind the recording, which is made once.
    """

    def record_once(model, image, axes, seconds):
        if len(axes) not in recordings:
            recordings[len(axes)] = record(model, image, axes, seconds)
        return recordings[len(axes)]

    def use(mistake, when=lambda image: True):
        def run_torch(data):
            run = right(data)

            def wrong(image):
                found = run(image)
                return mistake(found) if when(image) else found

            return wrong

        right = exporting.run_torch
        monkeypatch.setattr(exporting, 'record', record_once)
        monkeypatch.setattr(exporting, 'run_torch', run_torch)

    return use


@pytest.mark.parametrize(
    ('mistake', 'message'),
    [
        (
            lambda found: dict(found, probabilities=found['probabilities'] + 2e-4),
            "probabilities differ from PyTorch's by 0.0002",
        ),
        (
            lambda found: dict(found, probabilities=found['probabilities'] * np.nan),
            "probabilities differ from PyTorch's by nan",
        ),
        (
            lambda found: dict(found, label=(found['label'] + 1) % 5),
            'labels differ',
        ),
        (lambda found: dict(label=found['label']), "KeyError: 'probabilities'"),
        (
            lambda found: dict(found, label=found['label'][:, :-1]),
            'images of 1 x 3 x 32 x 48: RuntimeError',
        ),
    ],
)
def test_nothing_that_differs_is_written(
    small, images, tmp_path, wrong, mistake, message
):
    wrong(mistake)
    out = tmp_path / 'model.pt2'
    out.write_text('what was there')
    with pytest.raises(ValueError, match=message) as error:
        export_model(small, images, out, format='torch', size=SIZE)
    assert len(str(error.value).splitlines()) == 1
    assert out.read_text() == 'what was there'
    assert [path.name for path in tmp_path.iterdir()] == ['model.pt2']


def test_for_one_size_where_others_differ(small, images, tmp_path, wrong):
    def mistake(found):
        return dict(found, probabilities=1 - found['probabilities'])

    wrong(mistake, when=lambda image: tuple(image.shape[2:]) != SIZE)
    out = tmp_path / 'model.pt2'
    exported = export_model(small, images, out, format='torch')
    assert exported.variable == 'batch' and out.is_file()
    assert 'probabilities differ' in exported.refused['batch, height, width']
    assert 'not batch, height, width: images of' in exported.summary()


def test_a_size_that_the_network_can_not_take(model, images, tmp_path):
    out = tmp_path / 'model.pt2'
    # Nothing is left of it for the last stage's dilated convolutions to see.
    pooled = build_pair(data_preprocessor=PREPROCESSOR, neck=dict(type='Halved')).eval()
    with pytest.raises(ValueError, match="--size: the model can't take images of 1 x"):
        export_model(pooled, images, out, format='torch', size=(1, 48))
    assert not list(tmp_path.iterdir())
