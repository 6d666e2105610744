"""A cooperative model in MMEngine's Runner: the features people switch on."""

import pytest
import torch

from helpers.tiny_runner import make_runner


@pytest.mark.parametrize(
    'changes',
    [
        dict(),
        dict(hooks=[dict(type='EMAHook')]),
        dict(optim=dict(accumulative_counts=2)),
        dict(optim=dict(clip_grad=dict(max_norm=1.0))),
    ],
    ids=['plain', 'ema', 'accumulation', 'clipping'],
)
def test_trains_and_validates(tmp_path, changes):
    runner = make_runner(tmp_path, **changes)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    changed = {k for k, v in after.items() if not torch.equal(v, before[k])}
    assert any(k.startswith('networks.top') for k in changed)
    assert any(k.startswith('networks.bottom') for k in changed)
    assert any(k.startswith('plan.connectors') for k in changed)
    best = list(tmp_path.glob('best_mIoU_*.pth'))
    assert len(best) == 1
    if 'hooks' in changes:
        ema = torch.load(best[0], weights_only=False)
        assert 'ema_state_dict' in ema


def test_resumes(tmp_path):
    make_runner(tmp_path, iters=2).train()
    runner = make_runner(tmp_path, iters=4, resume=True)
    runner.train()
    assert runner.iter == 4
    assert (tmp_path / 'iter_4.pth').exists()
