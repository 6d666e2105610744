"""ECE and NLL of real predictions against torchmetrics and PyTorch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmseg.registry import METRICS, MODELS
from torch.nn import functional as F
from torchmetrics.classification import MulticlassCalibrationError

from mmseg_coop.evaluation.calibration import ece, nll
from mmseg_coop.evaluation.coop_iou_metric import calibration_of
from mmseg_coop.models.segmentors import predict_labels

from helpers.tiny import NUM_CLASSES, build_pair, make_batch, network_config

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'


def measure(model, batches, classes, ignore_index=255):
    """Results of the metric for batches of inputs and samples."""
    metric = METRICS.build(dict(type='CoopIoUMetric', ignore_index=ignore_index))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=classes)
    number = 0
    with torch.no_grad():
        for inputs, samples in batches:
            found = predict_labels(
                model, inputs, samples, collect=calibration_of([metric])
            )
            evaluator.process(found)
            number += len(samples)
    return evaluator.evaluate(number), metric.last


def oracle(model, batches, ignore_index=255):
    """ECE in percent and NLL of what the model predicts."""
    shares, labels = [], []
    with torch.no_grad():
        for inputs, samples in batches:
            for sample in model.predict(inputs, samples):
                scores = sample.seg_logits.data.double().flatten(1).T
                # Of one output MMSegmentation gives the probability.
                binary = scores.shape[1] == 1
                share = (
                    torch.cat([1 - scores, scores], 1) if binary else scores.softmax(1)
                )
                shares.append(share)
                labels.append(sample.gt_sem_seg.data.flatten())
    shares, labels = torch.cat(shares), torch.cat(labels)
    options = dict(num_classes=shares.shape[1], ignore_index=ignore_index)
    metric = MulticlassCalibrationError(n_bins=15, **options)
    metric.update(shares, labels)
    # float32 is too coarse to add up pixels.
    metric.set_dtype(torch.float64)
    loss = F.nll_loss(shares.log(), labels, ignore_index=ignore_index)
    return 100 * metric.compute().item(), loss.item()


def sharpen(model, factor=30):
    """Have a network that was never trained be sure of itself."""
    for name, module in model.named_modules():
        if name.endswith('decode_head.conv_seg'):
            torch.nn.init.normal_(module.weight, std=0.1 * factor)
    return model.eval()


def check(model, batches, classes, **options):
    metrics, results = measure(model, batches, classes, **options)
    names = list(results.calibration)
    for name in names:
        if len(names) > 1:
            model.predict_with = name
        error, loss = oracle(model, batches, **options)
        sums = results.calibration[name].sum(0)
        assert ece(sums) == pytest.approx(error, rel=1e-4)
        assert nll(sums) == pytest.approx(loss, rel=1e-4)
        prefix = f'{name}/' if len(names) > 1 else ''
        assert metrics[f'{prefix}ECE'] == pytest.approx(error, abs=0.01)
        assert metrics[f'{prefix}NLL'] == pytest.approx(loss, rel=1e-2)
    return names


@pytest.mark.parametrize('method', ['single', 'same', 'ensemble'])
def test_equals_torchmetrics_on_street_scenes(camvid_root, method):
    """Predictions are resized to the labels, as in every evaluation of CamVid."""
    config = Config.fromfile(CONFIGS / f'deeplabv3plus_r18_{method}_camvid.py')
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.val_dataloader.dataset.update(data_root=str(camvid_root), indices=2)
    loader = Runner.build_dataloader(config.val_dataloader)
    model = sharpen(MODELS.build(config.model))
    batches = []
    for batch in loader:
        data = model.data_preprocessor(batch, False)
        batches.append((data['inputs'], data['data_samples']))
    names = check(model, batches, loader.dataset.metainfo['classes'])
    assert len(names) == (1 if method == 'single' else 3)


@pytest.mark.parametrize('ignore_index', [255, 0])
def test_without_resizing(ignore_index):
    """The mean is then made of probabilities that are there already."""
    model = sharpen(build_pair())
    classes = [f'class {i}' for i in range(NUM_CLASSES)]
    inputs, samples = make_batch()
    for sample in samples:
        sample.gt_sem_seg.data[sample.gt_sem_seg.data == 255] = ignore_index
    check(model, [(inputs, samples)], classes, ignore_index=ignore_index)


@pytest.mark.parametrize('pair', [False, True])
def test_two_classes_of_one_output(pair):
    head = dict(network_config('deeplabv3plus').decode_head)
    head.update(num_classes=2, out_channels=1, threshold=0.5)
    options = dict(auxiliary_head=None, decode_head=head)
    if pair:
        model = build_pair(**options)
    else:
        model = MODELS.build(network_config('deeplabv3plus', **options))
    inputs, samples = make_batch()
    for sample in samples:
        label = sample.gt_sem_seg.data
        label[label != 255] %= 2
    check(sharpen(model, 5), [(inputs, samples)], ['a', 'b'])


def test_intervals_over_images_are_possible():
    """Sums of images add up to those of all pixels."""
    model = sharpen(build_pair())
    classes = [f'class {i}' for i in range(NUM_CLASSES)]
    batches = [make_batch() for _ in range(2)]
    whole = measure(model, batches, classes)[1].calibration['bottom']
    parts = [measure(model, [b], classes)[1].calibration['bottom'] for b in batches]
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-5)
    # Those that are ignored are left out.
    assert whole[:, 0].sum(1).tolist() == [60 * 64] * 4


def test_a_sample_without_labels():
    inputs, samples = make_batch()
    for sample in samples:
        del sample.gt_sem_seg
    metric = METRICS.build(dict(type='CoopIoUMetric'))
    with torch.no_grad():
        found = predict_labels(
            build_pair().eval(), inputs, samples, collect=calibration_of([metric])
        )
    assert 'pred_sem_seg' in found[0] and 'calibration' not in found[0]
