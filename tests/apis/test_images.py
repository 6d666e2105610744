"""Files are read as the config says: MMSegmentation's inference_model is the oracle."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS, TRANSFORMS
from PIL import Image

from mmseg_coop.apis import Predictor
from mmseg_coop.apis.images import displayed
from mmseg_coop.datasets.toy_scene import ToyScene

from helpers.tiny import BACKBONE, TWO_STAGES, fcn_head, network_config

SCENE = ToyScene(0, 48, 80).image
DEEP = SCENE.astype(np.uint16) * 200
ROTATED = 6
AS_STORED = dict(color_type='color_ignore_orientation')
DEEP_LOADER = dict(color_type='unchanged', to_float32=True)


@TRANSFORMS.register_module()
class LoadInverted(BaseTransform):
    """A loader of a user's own."""

    def transform(self, results: dict) -> dict:
        image = 255 - cv2.imread(results['img_path'])
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results


# File, its loader, mean, channels.
CASES = {
    '8 bits': ('a.png', {}, 120, 3),
    'float': ('a.png', dict(to_float32=True), 120, 3),
    'pillow': ('a.jpg', dict(imdecode_backend='pillow'), 120, 3),
    '16 bits': ('deep.png', DEEP_LOADER, 24000, 3),
    '16 bits, cut to 8': ('deep.png', {}, 120, 3),
    'rotated': ('rotated.jpg', {}, 120, 3),
    'not rotated': ('rotated.jpg', AS_STORED, 120, 3),
    'one channel': ('grey.png', dict(color_type='grayscale'), 120, 1),
    'one channel of 16 bits': ('deep_grey.tif', DEEP_LOADER, 24000, 1),
    'four channels': ('four.png', dict(color_type='unchanged'), 120, 4),
    'own loader': ('a.png', dict(type='LoadInverted'), 120, 3),
    'array file': ('a.npy', dict(type='LoadImageFromNpyFile'), 24000, 3),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    pictures = {
        'a.png': SCENE,
        'a.jpg': SCENE,
        'deep.png': DEEP,
        'grey.png': SCENE[..., 0],
        'deep_grey.tif': DEEP[..., 0],
        'four.png': np.dstack([SCENE, SCENE[..., 0]]),
    }
    for name, pixels in pictures.items():
        assert cv2.imwrite(str(folder / name), pixels)
    np.save(folder / 'a.npy', DEEP)
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    Image.fromarray(SCENE[..., ::-1]).save(folder / 'rotated.jpg', exif=exif)
    return folder


def make_config(loader: dict, mean: float = 120, channels: int = 3) -> Config:
    """A network whose images a loader reads."""
    model = network_config(
        'deeplabv3plus',
        backbone=dict(BACKBONE, **TWO_STAGES),
        decode_head=fcn_head(16, 1),
        auxiliary_head=None,
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[mean],
            std=[mean / 2],
            bgr_to_rgb=channels == 3,
        ),
    )
    model.backbone.in_channels = channels
    pipeline = [
        {'type': 'LoadImageFromFile', **loader},
        dict(type='Resize', scale=(96, 64)),
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    ]
    dataset = dict(type='ToyStreets', pipeline=pipeline)
    return Config(
        dict(
            model=model,
            test_pipeline=pipeline,
            test_dataloader=dict(dataset=dataset),
        )
    )


def save_weights(config: Config, path: str) -> str:
    torch.manual_seed(0)
    weights = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=weights, meta={}), path)
    return path


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request, folder):
    """The config, weights and the file of a case."""
    name, *options = request.param
    config = make_config(*options)
    return config, save_weights(config, str(folder / 'a.pth')), str(folder / name)


@pytest.mark.filterwarnings('ignore')
def test_labels_are_those_of_inference_model(case):
    config, weights, path = case
    model = init_model(copy.deepcopy(config), weights, device='cpu')
    predictor = Predictor(config, weights, 'cpu')
    sample = inference_model(model, path)
    expected = sample.pred_sem_seg.data[0].numpy()
    prediction = predictor(path)
    np.testing.assert_array_equal(prediction.label, expected)
    probabilities = sample.seg_logits.data.softmax(0).numpy()
    np.testing.assert_array_equal(prediction.probabilities, probabilities)
    # To look at: 8 bits, as large as the labels.
    assert prediction.image.dtype == np.uint8
    assert prediction.image.shape == (*expected.shape, 3)
    assert prediction.overlay().shape == prediction.image.shape
    # An array is taken as what the loader would have given.
    array = predictor.read(path)['img']
    np.testing.assert_array_equal(predictor(array).label, expected)


def test_a_pipeline_without_a_loader_reads_files_as_mmcv_does(folder):
    """The pipeline is that of a dataset which makes its images itself."""
    config = make_config({})
    weights = save_weights(config, str(folder / 'a.pth'))
    expected = Predictor(config, weights, 'cpu')(str(folder / 'a.png'))
    del config.test_pipeline[0]
    prediction = Predictor(config, weights, 'cpu')(str(folder / 'a.png'))
    np.testing.assert_array_equal(prediction.label, expected.label)


def test_only_the_middle_is_predicted_where_the_pipeline_says_so(folder):
    config = make_config({})
    region = dict(type='CenterRegion', crop_size=(40, 33))
    config.test_pipeline[1] = region
    weights = save_weights(config, str(folder / 'a.pth'))
    prediction = Predictor(config, weights, 'cpu')(SCENE)
    assert prediction.label.shape == (33, 40)
    expected = TRANSFORMS.build(region)(dict(img=SCENE))['img']
    np.testing.assert_array_equal(prediction.image, expected)


def test_displayed():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    color = np.dstack([ramp, ramp.T, ramp])
    np.testing.assert_array_equal(displayed(color), color)
    grey = np.dstack([ramp] * 3)
    same = (ramp, ramp[..., None], ramp.astype(np.float32), ramp / 255, ramp - 300.0)
    for image in (*same, ramp.astype(np.uint16) * 257, np.dstack([ramp] * 5)):
        np.testing.assert_array_equal(displayed(image), grey)
    assert displayed(np.full((2, 2), np.nan)).shape == (2, 2, 3)
