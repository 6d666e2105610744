"""Checkpoints of a run that began as another one's, or as its copy."""

import shutil

import pytest
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from helpers.tiny_runner import make_runner


@METRICS.register_module()
class Rising(BaseMetric):
    """A metric whose value rises with each evaluation."""

    value = 0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        Rising.value += 1
        return {'rising': Rising.value, 'rises/too': Rising.value}


@pytest.mark.parametrize('best', ['rising', ['rising', 'rises/too']])
@pytest.mark.parametrize('copied', [True, False])
def test_only_a_runs_own_best_checkpoint_is_removed(copied, best, tmp_path):
    def train(name, iters, **changes):
        checkpoint = dict(
            type='SafeCheckpointHook',
            by_epoch=False,
            interval=1,
            save_best=best,
            rule='greater',
        )
        make_runner(
            tmp_path / name,
            iters,
            val_evaluator=dict(type='Rising'),
            default_hooks=dict(checkpoint=checkpoint),
            **changes,
        ).train()
        return {path.name for path in (tmp_path / name).glob('best_*')}

    first = train('first', 2)
    assert first and all(name.endswith('_iter_2.pth') for name in first)
    source = {}
    if copied:
        shutil.copytree(tmp_path / 'first', tmp_path / 'second')
    else:
        source = dict(load_from=str(tmp_path / 'first' / 'iter_2.pth'))
    second = train('second', 4, resume=True, **source)
    assert second == {name.replace('iter_2', 'iter_4') for name in first}
    assert {path.name for path in (tmp_path / 'first').glob('best_*')} == first
