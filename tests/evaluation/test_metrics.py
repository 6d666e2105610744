"""The contract of every metric."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.evaluator import BaseMetric, Evaluator
from mmseg.registry import METRICS as REGISTRY

from mmseg_coop.evaluation import CoopIoUMetric, VOCSubmission

from helpers.predictions import CLASSES, make_sample

# A new one is tested by a line here: how it is built with a folder, and what it counts
# or writes.
METRICS: dict[str, tuple[Callable, Callable]] = {
    'CoopIoUMetric': (
        lambda folder: CoopIoUMetric(),
        lambda metric, folder: {k: v.tolist() for k, v in metric.last.areas.items()},
    ),
    'VOCSubmission': (
        lambda folder: VOCSubmission(str(folder)),
        lambda metric, folder: contents(folder),
    ),
}
META = dict(classes=CLASSES, palette=[[i, 2 * i, 3 * i] for i in range(len(CLASSES))])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob('*.png')}


def evaluate(metric: BaseMetric, batch: int = 1) -> dict:
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = META
    samples = [make_sample(i) for i in range(4)]
    for start in range(0, 4, batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(4)


@pytest.fixture(params=METRICS)
def kind(request):
    return METRICS[request.param]


def test_all_are_listed():
    own = {
        name
        for name, cls in REGISTRY.module_dict.items()
        if cls.__module__.startswith('mmseg_coop.')
    }
    assert own == set(METRICS)


def test_batches_make_no_difference(kind, tmp_path):
    build, look = kind
    found = []
    for batch in (1, 3):
        metric = build(tmp_path / str(batch))
        found.append((evaluate(metric, batch), look(metric, tmp_path / str(batch))))
    assert found[0] == found[1] and all(found[0])


def test_copies(kind, tmp_path):
    build, look = kind
    metric = build(tmp_path)
    expected = evaluate(metric), look(metric, tmp_path)
    for copied in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        for written in tmp_path.rglob('*.png'):
            written.unlink()
        assert (evaluate(copied), look(copied, tmp_path)) == expected


def test_an_evaluation_starts_anew(kind, tmp_path):
    metric = kind[0](tmp_path)
    assert evaluate(metric) == evaluate(metric)
