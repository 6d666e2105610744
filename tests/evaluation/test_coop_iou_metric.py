from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS, MODELS
from mmseg.structures import SegDataSample

from mmseg_coop.evaluation import CoopIoUMetric, Results
from mmseg_coop.models.segmentors import predict_labels
from mmseg_coop.models.segmentors.predict_labels import LABEL_FIELD

from helpers.predictions import CLASSES, NETWORKS, evaluate, make_sample

METRICS_OF_HOST = ['mIoU', 'mDice', 'mFscore']
CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'


def host(samples, name, classes=CLASSES, **options):
    """Evaluate one of the predictions with IoUMetric."""
    plain = [
        SegDataSample(gt_sem_seg=s.gt_sem_seg, pred_sem_seg=s.get(LABEL_FIELD + name))
        for s in samples
    ]
    return evaluate(IoUMetric(**options), plain, classes)


@pytest.mark.parametrize('predict_with', ['top', 'bottom', 'mean'])
@pytest.mark.parametrize(
    'labels',
    [range(7), range(3), [0, 1, 200, 9], [255]],
    ids=['all', 'some', 'outside', 'ignored'],
)
def test_equals_the_hosts_for_each_prediction(labels, predict_with):
    samples = [make_sample(i, labels, predict_with) for i in range(4)]
    found = evaluate(CoopIoUMetric(iou_metrics=METRICS_OF_HOST), samples)
    for name in (*NETWORKS, 'mean'):
        expected = host(samples, name, iou_metrics=METRICS_OF_HOST)
        own = {key: found[f'{name}/{key}'] for key in expected}
        np.testing.assert_equal(own, expected)
        if name == predict_with:
            np.testing.assert_equal({k: found[k] for k in expected}, expected)


def test_classes_of_each_network_equal_the_hosts():
    samples = [make_sample(i) for i in range(4)]
    metric = CoopIoUMetric()
    evaluate(metric, samples)
    for name in NETWORKS:
        areas = [
            IoUMetric.intersect_and_union(
                s.get(LABEL_FIELD + name).data[0],
                s.gt_sem_seg.data[0],
                len(CLASSES),
                255,
            )
            for s in samples
        ]
        totals = [sum(parts) for parts in zip(*areas, strict=True)]
        expected = IoUMetric.total_area_to_metrics(*totals)['IoU'] * 100
        np.testing.assert_allclose(metric.last.iou(name), expected, rtol=1e-6)


def test_a_single_networks_metrics_are_the_hosts():
    samples = [
        SegDataSample(gt_sem_seg=s.gt_sem_seg, pred_sem_seg=s.pred_sem_seg)
        for s in map(make_sample, range(3))
    ]
    found = evaluate(CoopIoUMetric(), samples)
    assert found.items() >= evaluate(IoUMetric(), samples).items()
    # Nobody has seen probabilities.
    assert 'mBIoU' in found and 'ECE' not in found


def test_an_unknown_metric_is_refused_before_anything_is_counted():
    message = r"CoopIoUMetric.iou_metrics: found \['mIou'\], expected a list of mIoU, "
    with pytest.raises(ValueError, match=message):
        CoopIoUMetric(iou_metrics=['mIou'])
    CoopIoUMetric(iou_metrics='mDice')


def test_labels_of_a_binary_head_are_floats():
    sample = make_sample(0, labels=[0, 1])
    sample.pred_sem_seg.data = (sample.pred_sem_seg.data % 2).float()
    plain = SegDataSample(
        gt_sem_seg=sample.gt_sem_seg, pred_sem_seg=sample.pred_sem_seg
    )
    found, expected = (
        evaluate(metric, [plain], CLASSES[:2])
        for metric in (CoopIoUMetric(), IoUMetric())
    )
    assert found.items() >= expected.items()


def test_pairs_and_oracle_by_hand():
    label = torch.tensor([[0, 0, 0, 1, 1, 1, 255]])
    first = torch.tensor([[0, 0, 1, 1, 0, 0, 0]])
    second = torch.tensor([[0, 1, 1, 0, 1, 0, 0]])
    sample = make_sample(0, predict_with='mean')
    sample.gt_sem_seg = PixelData(data=label[None])
    for name, data in dict(top=first, bottom=second, mean=second).items():
        sample.set_data({LABEL_FIELD + name: PixelData(data=data[None])})
    sample.set_data({'pred_sem_seg': sample.get(f'{LABEL_FIELD}mean')})
    metric = CoopIoUMetric()
    found = evaluate(metric, [sample], ['a', 'b'])
    # Wrong, wrong alike, only bottom, only top, both right.
    assert metric.last.pairs['top-bottom'].tolist() == [
        [0, 1, 0, 1, 1],
        [0, 1, 1, 1, 0],
    ]
    assert found['agreement'] == pytest.approx(50.0)
    # One pixel of each class that no network has right: 2 / (2 + 1 + 1) of both.
    assert found['oracle/mIoU'] == 50.0


def test_an_oracle_is_never_worse_than_a_network():
    samples = [make_sample(i) for i in range(4)]
    metric = CoopIoUMetric()
    evaluate(metric, samples)
    intersect = {n: a[:, 0].sum(0) for n, a in metric.last.areas.items()}
    for name in NETWORKS:
        assert (intersect['oracle'] >= intersect[name]).all()


def test_writes_label_maps_like_the_host(tmp_path):
    samples = [make_sample(i) for i in range(2)]
    for kind in (CoopIoUMetric, IoUMetric):
        evaluate(kind(output_dir=str(tmp_path / kind.__name__)), samples)
    ours, theirs = (
        {f.name: f.read_bytes() for f in (tmp_path / kind).iterdir()}
        for kind in ('CoopIoUMetric', 'IoUMetric')
    )
    assert ours == theirs and set(ours) == {'0.png', '1.png'}


def test_logits_that_are_not_finite_are_named():
    """Models that override prediction give logits."""
    sample = make_sample(3)
    logits = torch.zeros(7, 20, 30)
    sample.set_data({'seg_logits': PixelData(data=logits)})
    evaluate(CoopIoUMetric(), [sample])
    logits[2, 3, 4] = torch.nan
    with pytest.raises(ValueError, match=r'3\.png: 1 of 4200 logits are not finite'):
        evaluate(CoopIoUMetric(), [sample])


def test_results_survive_a_file(tmp_path):
    metric = CoopIoUMetric()
    palette = np.arange(21).reshape(7, 3)
    evaluate(metric, [make_sample(i) for i in range(2)], palette=palette)
    metric.last.meta = dict(seed=3)
    path = tmp_path / 'results' / 'test.npz'
    metric.last.save(path)
    loaded = Results.load(path)
    assert loaded.meta == dict(seed=3) and loaded.images == ['0.png', '1.png']
    assert loaded.palette == palette.tolist()
    for name, areas in metric.last.areas.items():
        np.testing.assert_array_equal(loaded.areas[name], areas)
    assert [f.name for f in path.parent.iterdir()] == ['test.npz']


def test_files_from_before_calibration_and_borders(tmp_path):
    metric = CoopIoUMetric()
    evaluate(metric, [make_sample(i) for i in range(2)])
    metric.last.save(tmp_path / 'new.npz')
    with np.load(tmp_path / 'new.npz') as file:
        old = {k: v for k, v in file.items() if not k.startswith('borders')}
    np.savez(tmp_path / 'old.npz', **old)
    loaded = Results.load(tmp_path / 'old.npz')
    assert loaded.miou() == metric.last.miou()
    assert loaded.reliability('bottom') == {}


def test_a_file_without_results_is_named(tmp_path):
    path = tmp_path / 'test.npz'
    path.write_bytes(b'no archive')
    with pytest.raises(ValueError, match=r'test\.npz: no results'):
        Results.load(path)


@pytest.mark.parametrize('method', ['same', 'ensemble'])
def test_a_model_gives_each_networks_own_prediction(camvid_root, method):
    """On CamVid: each prediction is what the model predicts with that network."""
    config = Config.fromfile(CONFIGS / f'deeplabv3plus_r18_{method}_camvid.py')
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.val_dataloader.dataset.update(data_root=str(camvid_root), indices=2)
    loader = Runner.build_dataloader(config.val_dataloader)
    model = MODELS.build(config.model).eval()
    configured = model.predict_with
    metric = METRICS.build(config.val_evaluator)
    samples = []
    with torch.no_grad():
        for batch in loader:
            samples += predict_labels(model, **model.data_preprocessor(batch, False))
    classes = loader.dataset.metainfo['classes']
    found = evaluate(metric, samples, classes)
    for name in (*NETWORKS, 'mean'):
        model.predict_with = name
        with torch.no_grad():
            alone = [s for batch in loader for s in model.test_step(batch)]
        expected = evaluate(IoUMetric(), alone, classes)
        assert {k: found[f'{name}/{k}'] for k in expected} == expected
        if name == configured:
            assert {k: found[k] for k in expected} == expected
