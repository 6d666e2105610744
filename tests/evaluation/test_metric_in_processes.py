"""Several processes count what one counts, to the bit, however images are divided."""

import os

import numpy as np
import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator

from mmseg_coop.evaluation import CoopIoUMetric, Results

from helpers.predictions import CLASSES, evaluate, make_sample


def count_share(rank, world, size, batch, round_up, folder) -> None:
    """Evaluate in one process as MMEngine's test loop does."""
    os.environ['RANK'] = str(rank)
    store = dist.FileStore(str(folder / 'store'), world)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=world)
    metric = CoopIoUMetric(collect_dir=str(folder / 'parts'))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=CLASSES)
    share = list(DefaultSampler(range(size), shuffle=False, round_up=round_up))
    for start in range(0, len(share), batch):
        evaluator.process([make_sample(i) for i in share[start : start + batch]])
    metrics = evaluator.evaluate(size)
    if rank == 0:
        metric.last.meta = {key: float(value) for key, value in metrics.items()}
        metric.last.save(folder / 'results.npz')
    dist.destroy_process_group()


@pytest.mark.skipif('fork' not in mp.get_all_start_methods(), reason='needs fork')
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    world=st.integers(2, 5),
    size=st.integers(1, 7),
    batch=st.integers(1, 3),
    round_up=st.booleans(),
)
def test_processes_count_what_one_counts(
    tmp_path_factory, world, size, batch, round_up
):
    """Uneven last batches, shares without an image, more processes than images."""
    folder = tmp_path_factory.mktemp('processes')
    # From this process, which has imported everything.
    mp.start_processes(
        count_share,
        (world, size, batch, round_up, folder),
        nprocs=world,
        start_method='fork',
    )
    many = Results.load(folder / 'results.npz')
    metric = CoopIoUMetric()
    metrics = evaluate(metric, [make_sample(i) for i in range(size)])
    one = metric.last
    np.testing.assert_equal(many.meta, {k: float(v) for k, v in metrics.items()})
    assert many.images == one.images and many.configured == one.configured
    assert many.areas.keys() == one.areas.keys() >= {'top', 'bottom', 'mean', 'oracle'}
    for name, areas in one.areas.items():
        np.testing.assert_array_equal(many.areas[name], areas)
    for name, counts in one.pairs.items():
        np.testing.assert_array_equal(many.pairs[name], counts)
