import pytest
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn

from mmseg_coop.engine import BFloat16OptimWrapper, amp_optim_wrapper

from helpers.tiny import build_pair, make_batch, total_loss


def wrap(model, **options) -> BFloat16OptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = dict(type='BFloat16OptimWrapper', optimizer=optimizer, **options)
    return OPTIM_WRAPPERS.build(config)


def test_trains_in_bfloat16_with_float32_weights():
    model = build_pair('deeplabv3plus', 'multi').train()
    optim = wrap(model)
    seen = []
    model.networks.top.backbone.layer1.register_forward_hook(
        lambda _, __, out: seen.append(out.dtype)
    )
    before = {k: v.clone() for k, v in model.named_parameters()}
    for _ in range(2):
        with optim.optim_context(model):
            losses = model.loss(*make_batch())
        optim.update_params(total_loss(losses))
    assert set(seen) == {torch.bfloat16}
    changed = [k for k, v in model.named_parameters() if not torch.equal(v, before[k])]
    assert len(changed) == len(before)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_accumulates_and_clips():
    model = nn.Linear(4, 1, bias=False)
    start = model.weight.detach().clone()
    optim = wrap(model, accumulative_counts=2, clip_grad=dict(max_norm=1.0))
    for step in range(2):
        with optim.optim_context(model):
            loss = model(torch.full((8, 4), 100.0)).sum()
        optim.update_params(loss)
        assert torch.equal(model.weight, start) == (step == 0)
    torch.testing.assert_close((model.weight - start).norm(), torch.tensor(0.1))


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without a GPU')
@pytest.mark.parametrize('bfloat16', [True, False])
def test_auto_amp_is_what_the_cpu_has(bfloat16, monkeypatch):
    monkeypatch.setattr(amp_optim_wrapper, 'cpu_has_bfloat16', lambda: bfloat16)
    found = build_optim_wrapper(
        nn.Linear(4, 1),
        dict(
            type='AutoAmpOptimWrapper',
            optimizer=dict(type='SGD', lr=0.1),
            accumulative_counts=3,
            clip_grad=dict(max_norm=1.0),
        ),
    )
    assert type(found) is (BFloat16OptimWrapper if bfloat16 else OptimWrapper)
    updates = []
    for _ in range(3):
        found.backward(torch.zeros((), requires_grad=True))
        updates.append(found.should_update())
    assert updates == [False, False, True]
    assert found.clip_grad_kwargs == dict(max_norm=1.0)
