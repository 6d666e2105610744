import posixpath
import re

import pytest

from mmseg_coop.analysis.cooperation import Cooperation

from helpers.tiny_runner import make_runner


def mlflow_takes(name: str) -> bool:
    """MLflow's rule for metrics, ``validate_path_is_safe`` included."""
    return (
        re.fullmatch(r'[/\w.\- ]*', name, re.ASCII) is not None
        and 0 < len(name) <= 250
        and posixpath.normpath(name) == name
        and name not in ('.', '..')
        and not name.startswith(('../', '/'))
    )


@pytest.mark.parametrize(
    'part',
    [
        'top.backbone.layer1',
        'backbone.stages.2.blocks.5',
        'backbone.layer1:in',
        'backbone.layer1 (top-bottom)',
        'réseau',
        'a&b=c%',
    ],
)
def test_a_name_is_taken_by_mlflow(part):
    (name,) = Cooperation(strength={part: 0.5}).scalars()
    assert mlflow_takes(name)


def test_plain_names_are_not_changed():
    (name,) = Cooperation(strength={'top.b_1-2 c': 0.5}).scalars()
    assert name == 'cooperation/strength/top.b_1-2 c'


def test_sites_of_any_kind():
    found = Cooperation(
        strength={'bottom.backbone.layer1:in': 0.5},
        similarity={'top-bottom/backbone.layer1:in': 0.5},
    )
    assert list(found.scalars()) == [
        'cooperation/strength/bottom.backbone.layer1_in',
        'cooperation/similarity/top-bottom/backbone.layer1_in',
    ]


def test_all_names_that_training_logs(tmp_path, monkeypatch):
    names = set()
    runner = make_runner(
        tmp_path,
        iters=2,
        hooks=[
            dict(type='CooperationHook', interval=1, num_images=2),
            dict(type='CoopEvaluationHook'),
        ],
        val_evaluator=dict(type='CoopIoUMetric'),
    )
    monkeypatch.setattr(
        type(runner.visualizer),
        'add_scalars',
        lambda self, scalars, **kwargs: names.update(scalars),
    )
    runner.train()
    assert {'top/mIoU', 'loss'} <= names
    assert any(name.startswith('cooperation/similarity') for name in names)
    assert not [name for name in names if not mlflow_takes(name)]
