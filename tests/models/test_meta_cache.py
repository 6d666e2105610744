"""Shapes that are remembered are those of the meta device, and of the CPU."""

import pytest
import torch
from torch.nn import functional as F

from mmseg_coop.models.meta_cache import RememberedShapes

CALLS = {
    'norm': lambda x: F.batch_norm(x, x.new_ones(8), x.new_ones(8)),
    'resize': lambda x: F.interpolate(x, (9, 11), mode='bilinear'),
    'permuted': lambda x: x.permute(0, 2, 3, 1) * 2,
    'several outputs': lambda x: x.max(1)[1],
    'a list': lambda x: torch.cat([x, x.flip(2)], 1),
    'of another type': lambda x: x.int() + 1.5,
    'the same type': lambda x: x.int() + 1,
    'channels last': lambda x: F.relu(x.to(memory_format=torch.channels_last)),
}


def about(x):
    return x.shape, x.stride(), x.dtype, x.device.type


@pytest.mark.parametrize('call', CALLS.values(), ids=CALLS)
def test_first_and_later_outputs_are_alike(call):
    x = torch.empty(2, 8, 6, 4, device='meta')
    with RememberedShapes():
        found = [call(x), call(x), call(x.new_empty(1, 8, 6, 4))]
    assert about(found[0]) == about(found[1]) == about(call(x))
    assert about(found[2]) == about(call(x.new_empty(1, 8, 6, 4)))
    assert found[1].shape == call(torch.zeros(2, 8, 6, 4)).shape


def test_gradients_memory_and_values_are_as_ever():
    x = torch.empty(2, 8, device='meta', requires_grad=True)
    with RememberedShapes():
        for _ in range(2):
            made = x * 2
            view, before = made.view(16), made._version
            view.add_(1)
            assert made._version > before and view._base is made
            view.sum().backward()
        assert x.grad.shape == x.shape and x.grad is not x
        assert torch.rand(3).is_cpu and (torch.ones(3) * 2).tolist() == [2, 2, 2]
        with pytest.raises(RuntimeError):
            x.sum().item()
        for _ in range(2):
            with pytest.raises(RuntimeError):
                x @ x
