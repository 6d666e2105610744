"""The module that is exported, compared with the models themselves."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_coop.deployment.export import DeployedModel

from helpers.differing import build_mixed
from helpers.tiny import build_pair, enliven, fcn_head, network_config

PREPROCESSOR = dict(
    type='SegDataPreProcessor',
    mean=[120.0, 110.0, 100.0],
    std=[60.0, 50.0, 40.0],
    bgr_to_rgb=True,
)
PADDED = dict(PREPROCESSOR, test_cfg=dict(size_divisor=32), pad_val=3)
# As for VOC, whose images are smaller than the crop.
TO_SIZE = dict(PREPROCESSOR, test_cfg=dict(size=(64, 96)), pad_val=3)
RANDOM = dict(pattern='same', connector=dict(start='random'))
MODELS_BUILT = {
    'single': lambda: MODELS.build(
        network_config('danet', data_preprocessor=PREPROCESSOR)
    ),
    'ensemble': lambda: build_pair('danet', data_preprocessor=PREPROCESSOR),
    'same': lambda: build_pair(connections=RANDOM, data_preprocessor=PREPROCESSOR),
    'top': lambda: build_pair(
        connections=RANDOM,
        data_preprocessor=PREPROCESSOR,
        test_cfg=dict(predict='top'),
    ),
    'padded': lambda: build_pair(connections='multi', data_preprocessor=PADDED),
    'padded to a size': lambda: build_pair(data_preprocessor=TO_SIZE),
    'slide': lambda: build_pair(
        data_preprocessor=PREPROCESSOR,
        test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(32, 32)),
    ),
    'binary': lambda: build_pair(
        data_preprocessor=PREPROCESSOR,
        decode_head=fcn_head(64, 3, num_classes=2, out_channels=1, threshold=0.4),
        auxiliary_head=None,
    ),
    'mixed': lambda: build_mixed(
        dict(RANDOM, sites='backbone'), data_preprocessor=PREPROCESSOR
    ),
    'views': lambda: build_pair(
        networks=dict(
            top=dict(data_preprocessor=dict(mean=[0.0] * 3, std=[255.0] * 3)),
            bottom=dict(),
        ),
        data_preprocessor=PREPROCESSOR,
    ),
}


@pytest.fixture
def image():
    return torch.randint(0, 256, (3, 50, 64), dtype=torch.uint8)


@torch.no_grad()
def predicted(model, image):
    """MMSegmentation's own prediction of an image."""
    size = tuple(image.shape[1:])
    meta = dict(img_shape=size, ori_shape=size)
    item = dict(inputs=image, data_samples=SegDataSample(metainfo=meta))
    return model.test_step(pseudo_collate([item]))[0]


@pytest.mark.parametrize('name', MODELS_BUILT)
def test_predicts_as_the_model_with_its_preprocessing(name, image):
    torch.manual_seed(0)
    model = enliven(MODELS_BUILT[name]())
    expected = predicted(model, image)
    with torch.no_grad():
        found = DeployedModel(model, preprocess=True)(image[None])
    assert set(found) == {'label', 'probabilities'}
    assert torch.equal(found['label'], expected.pred_sem_seg.data)
    logits = expected.seg_logits.data
    shares = logits if len(logits) == 1 else logits.softmax(0)
    torch.testing.assert_close(found['probabilities'][0], shares, atol=1e-5, rtol=0)


def test_uncertainty_is_that_of_all_networks(image):
    model = enliven(MODELS_BUILT['same']())
    deployed = DeployedModel(model, preprocess=True, uncertainty=True)
    with torch.no_grad():
        found = deployed(image[None])
        inputs = deployed.preprocessing(image[None])
        metas = [dict(img_shape=(50, 64), ori_shape=(50, 64))]
        logits = model.all_logits(inputs, metas)
    differ = logits['top'].argmax(1) != logits['bottom'].argmax(1)
    assert torch.equal(found['disagreement'], differ) and differ.any()
    mean = torch.distributions.Categorical(logits=logits['mean'].movedim(1, -1))
    expected = mean.entropy() / torch.tensor(5.0).log()
    torch.testing.assert_close(found['entropy'], expected, atol=1e-5, rtol=0)


def test_of_one_network_nothing_disagrees(image):
    model = MODELS_BUILT['single']()
    found = DeployedModel(model, preprocess=True, uncertainty=True)(image[None])
    assert set(found) == {'label', 'probabilities', 'entropy'}


def test_the_model_stays_as_it_is():
    model = MODELS_BUILT['slide']().train()
    DeployedModel(model)
    assert model.training and model.test_cfg.mode == 'slide'
    assert model.data_preprocessor is not None


def test_networks_that_read_each_other_are_refused():
    with pytest.raises(ValueError, match='top, bottom read each other'):
        DeployedModel(build_pair(connections='cross'))


def test_other_models_are_refused():
    with pytest.raises(ValueError, match='found a Linear, expected an EncoderDecoder'):
        DeployedModel(torch.nn.Linear(1, 1))
