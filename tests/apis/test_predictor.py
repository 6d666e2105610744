from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS

from mmseg_coop.apis import Predictor, load_config
from mmseg_coop.apis.model_files import model_files

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
CLASSES = 11


def save_weights(config, path):
    torch.manual_seed(0)
    weights = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=weights, meta={}), path)
    return str(path)


@pytest.fixture(scope='module', params=['single', 'same'])
def trained(request, tmp_path_factory):
    """A config of small images, and a checkpoint."""
    config = Config.fromfile(CONFIGS / f'deeplabv3plus_r18_{request.param}_camvid.py')
    resize = next(step for step in config.test_pipeline if step.type == 'Resize')
    resize.scale = (80, 60)
    path = tmp_path_factory.mktemp(request.param) / f'{request.param}.py'
    config.dump(path)
    return str(path), save_weights(config, path.with_name('a.pth'))


one = pytest.mark.parametrize('trained', ['same'], indirect=True)


@pytest.fixture(scope='module')
def image(camvid_root, tmp_path_factory):
    """A small image of a dataset."""
    picture = cv2.imread(str(min((camvid_root / 'img_dir' / 'val').iterdir())))
    path = tmp_path_factory.mktemp('image') / 'a.png'
    cv2.imwrite(str(path), cv2.resize(picture, (160, 120)))
    return str(path)


def test_predicts_what_mmsegmentation_predicts(trained, image):
    config, checkpoint = trained
    prediction = Predictor(config, checkpoint, 'cpu')(image)
    model = init_model(config, checkpoint, device='cpu')
    expected = inference_model(model, image)
    assert (prediction.label == expected.pred_sem_seg.data[0].numpy()).all()
    probabilities = expected.seg_logits.data.softmax(0).numpy()
    np.testing.assert_array_equal(prediction.probabilities, probabilities)
    assert prediction.classes[0] == 'sky' and prediction.entropy is None


def test_a_config_is_left_as_it_was(trained):
    """Networks move ``pretrained`` to the backbone in what they are built from."""
    path, checkpoint = trained
    config = load_config(path, {'model.pretrained': 'torchvision://resnet18'})
    before = config.model.to_dict()
    Predictor(config, checkpoint, 'cpu')
    assert config.model.to_dict() == before


def test_networks(trained, image):
    config, checkpoint = trained
    predictor = Predictor(config, checkpoint, 'cpu')
    if 'single' in config:
        with pytest.raises(ValueError, match='is a EncoderDecoder, expected'):
            predictor(image, networks=True)
        return
    prediction = predictor(image, networks=True)
    assert list(prediction.networks) == ['top', 'bottom']
    maps, logits = {}, {}
    for name in ('top', 'bottom', 'mean'):
        predictor.model.predict_with = name
        alone = predictor(image)
        maps[name], logits[name] = alone.label, alone.probabilities
    for name, label in prediction.networks.items():
        assert (label == maps[name]).all()
    disagreement = maps['top'] != maps['bottom']
    assert (prediction.disagreement == disagreement).all() and disagreement.any()
    p = logits['mean']
    entropy = -(p * np.log(p)).sum(0) / np.log(CLASSES)
    np.testing.assert_allclose(prediction.entropy, entropy, atol=1e-5)
    assert prediction.entropy.min() >= 0 and prediction.entropy.max() <= 1


def test_a_batch_of_several_sizes(trained, image):
    predictor = Predictor(*trained, 'cpu')
    picture = cv2.imread(image)
    pictures = [picture, picture[:60, :150], picture[:, ::-1].copy(), picture[:90, :90]]
    together = predictor.predict_batch(pictures)
    for one, prediction in zip(pictures, together, strict=True):
        alone = predictor(one)
        assert prediction.label.shape == one.shape[:2]
        # Convolutions of a batch round otherwise; classes near a tie may change.
        assert (prediction.label == alone.label).mean() > 0.999
        np.testing.assert_allclose(
            prediction.probabilities, alone.probabilities, atol=1e-4
        )
    assert predictor.predict_batch([]) == []


@one
def test_overlay(trained, image):
    prediction = Predictor(*trained, 'cpu')(image)
    assert (prediction.overlay(0) == prediction.image).all()
    colors = prediction.palette[prediction.label][..., ::-1]
    assert (prediction.overlay(1) == colors).all()


def test_an_embedded_datasets_config_predicts_files(image, tmp_path):
    path = CONFIGS / 'danet_r18_same_toy.py'
    weights = save_weights(Config.fromfile(path), tmp_path / 'a.pth')
    prediction = Predictor(path, weights, 'cpu')(image)
    assert prediction.label.shape == cv2.imread(image).shape[:2]


def test_a_binary_model(tmp_path):
    """One output for two classes."""
    config = Config.fromfile(CONFIGS / 'deeplabv3plus_r18_same_toy.py')
    loss = dict(type='CrossEntropyLoss', use_sigmoid=True)
    for head in (config.model.decode_head, config.model.auxiliary_head):
        head.update(num_classes=2, out_channels=1, threshold=0.5, loss_decode=loss)
    weights = save_weights(config, tmp_path / 'a.pth')
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    prediction = Predictor(config, weights, 'cpu')(picture, networks=True)
    assert prediction.probabilities.shape == (1, 64, 96)
    expected = prediction.probabilities[0] > 0.5
    assert (prediction.label.astype(bool) == expected).all()
    assert set(np.unique(prediction.label)) <= {0, 1}
    assert prediction.entropy.min() >= 0 and prediction.entropy.max() <= 1


def test_logits_that_are_not_finite_are_named(trained, image):
    predictor = Predictor(*trained, 'cpu')
    for parameter in predictor.model.parameters():
        parameter.data.fill_(torch.inf)
    with pytest.raises(ValueError, match='logits.* are not finite') as error:
        predictor(image)
    assert str(error.value).startswith(f'{image}: ')


@one
def test_errors(trained, tmp_path):
    config, checkpoint = trained
    with pytest.raises(FileNotFoundError, match='there is no config file'):
        Predictor('nowhere.py', checkpoint)
    with pytest.raises(FileNotFoundError, match=r'there is no file nowhere\.pth'):
        Predictor(config, 'nowhere.pth')
    other = CONFIGS / 'danet_r18_single_camvid.py'
    with pytest.raises(ValueError, match='of another architecture'):
        Predictor(other, checkpoint)
    with pytest.raises(ValueError, match=r'nothing\.jpg is missing or can not'):
        Predictor(config, checkpoint)(tmp_path / 'nothing.jpg')
    with pytest.raises(ValueError, match=r'found uint16 of shape \(9, 9\), expected'):
        Predictor(config, checkpoint)(np.zeros((9, 9), np.uint16))
    with pytest.raises(ValueError, match="device: 'foo' can not be used"):
        Predictor(config, checkpoint, 'foo')
    torch.save([1, 2], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='holds a list, expected weights by name'):
        Predictor(config, str(tmp_path / 'list.pth'))


def test_the_folder_of_a_run_that_was_tested_with_augmentation(tmp_path):
    for name in ('a.py', 'a_tta.py', 'a.pth'):
        (tmp_path / name).touch()
    expected = str(tmp_path / 'a.py'), str(tmp_path / 'a.pth')
    assert model_files(tmp_path) == expected
    (tmp_path / 'b.py').touch()
    with pytest.raises(ValueError, match=r'found a.py, b.py, expected one config'):
        model_files(tmp_path)
