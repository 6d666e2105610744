"""Training runs that count epochs, as many configs for small data do."""

import json

import pytest
import torch

from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.curves import validation_curves
from mmseg_coop.comparison.report.figures import draw_curves
from mmseg_coop.comparison.report.gallery import find_checkpoint
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.engine import NonFiniteError

from helpers.poison import poison
from helpers.tiny_runner import loader, make_runner

EPOCHS = 3


def runner(folder, hooks=(), epochs=EPOCHS, **changes):
    return make_runner(
        folder,
        hooks=[dict(type='CoopEvaluationHook'), *hooks],
        train_dataloader=loader(True, infinite=False),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1),
        val_evaluator=dict(type='CoopIoUMetric'),
        param_scheduler=[dict(type='PolyLR', end=EPOCHS, by_epoch=True)],
        default_hooks=dict(
            checkpoint=dict(
                type='SafeCheckpointHook', interval=1, save_best='mIoU', rule='greater'
            )
        ),
        **changes,
    )


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('epochs')
    runner(folder, [dict(type='StopHook')]).train()
    return folder


def test_results_tell_their_checkpoint(trained):
    files = {path.stem for path in (trained / 'results').iterdir()}
    assert files == {'val_epoch_1', 'val_epoch_2', 'val_epoch_3'}
    for epoch in (1, 2, 3):
        file = str(trained / 'results' / f'val_epoch_{epoch}.npz')
        (run,) = load_runs([file])
        path = find_checkpoint(run)
        assert path == trained / f'epoch_{epoch}.pth'
        assert torch.load(path, weights_only=False)['meta']['epoch'] == epoch
        assert run.results.meta['iteration'] == 2 * epoch


def test_the_best_one_stands_in_for_one_that_was_removed(trained):
    (run,) = load_runs([str(trained)])
    best = next(trained.glob('best_mIoU_*.pth'))
    hidden = find_checkpoint(run).rename(trained / 'hidden')
    try:
        assert find_checkpoint(run) == best
    finally:
        hidden.rename(trained / best.name.removeprefix('best_mIoU_'))


def test_curves_are_drawn_over_epochs(trained):
    comparison = compare(load_runs([str(trained)]))
    curves = validation_curves(comparison.methods[0].runs[0])
    assert curves['bottom'][0] == [1, 2, 3]
    assert draw_curves(comparison).axes[0].get_xlabel() == 'epoch'


def test_iterations_stay_iterations(tmp_path):
    hook = dict(type='LoggerHook', log_metric_by_epoch=False)
    make_runner(
        tmp_path,
        hooks=[dict(type='CoopEvaluationHook')],
        iters=2,
        val_evaluator=dict(type='CoopIoUMetric'),
        default_hooks=dict(
            logger=hook, checkpoint=dict(type='SafeCheckpointHook', by_epoch=False)
        ),
    ).train()
    comparison = compare(load_runs([str(tmp_path)]))
    assert draw_curves(comparison).axes[0].get_xlabel() == 'iteration'
    assert find_checkpoint(comparison.methods[0].runs[0]) == tmp_path / 'iter_2.pth'


def test_resume_goes_on_from_the_newest_epoch(trained, tmp_path):
    for path in trained.glob('*.pth'):
        if 'epoch_1' in path.name or 'epoch_2' in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    # What a kill while writing leaves.
    (tmp_path / 'epoch_3.pth').write_bytes(b'PK')
    resumed = runner(tmp_path, resume=True)
    resumed.train()
    assert resumed.epoch == EPOCHS and resumed.iter == 2 * EPOCHS
    logged = [
        json.loads(line)
        for file in tmp_path.glob('*/vis_data/scalars.json')
        for line in file.read_text().splitlines()
    ]
    assert [record['step'] for record in logged if 'mIoU' in record] == [3]
    assert (tmp_path / 'results' / 'val_epoch_3.npz').is_file()


def test_a_loss_that_is_not_finite_leaves_the_state_before(tmp_path):
    hooks = [dict(type='NonFiniteHook'), poison('image', at=(1,))]
    with pytest.raises(NonFiniteError, match='iteration 2: .*/iter_1.pth'):
        runner(tmp_path, hooks).train()
    meta = torch.load(tmp_path / 'iter_1.pth', weights_only=False)['meta']
    assert (meta['epoch'], meta['iter']) == (0, 1)
