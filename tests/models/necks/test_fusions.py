"""The contract of every connector and aggregation."""

import copy
import pickle

import pytest
import torch
from torch.utils._pytree import tree_map

from helpers.fusions import FUSIONS, features


@pytest.fixture(params=FUSIONS)
def fusion(request):
    return FUSIONS[request.param]


def test_every_parameter_gets_a_gradient(fusion):
    module = fusion.build()
    module(*fusion.arguments(*features(3, 4))).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_every_feature_map_gets_a_gradient(fusion):
    maps = [x.requires_grad_() for x in features(3, 4)]
    fused = fusion.build()(*fusion.arguments(*maps))
    fused.square().sum().backward()
    assert fused.shape == (2, 8, 5, 7)
    assert all(x.grad.any() for x in maps)


def test_autocast(fusion):
    module, arguments = fusion.build(), fusion.arguments(*features())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = module(*arguments)
    expected = module(*arguments)
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


def test_copies(fusion):
    module, other = fusion.build().eval(), fusion.build().eval()
    other.load_state_dict(module.state_dict(), strict=True)
    arguments = fusion.arguments(*features())
    expected = module(*arguments)
    for copied in (other, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(copied(*arguments), expected)


def test_exports_for_any_size(fusion):
    module = fusion.build().eval()
    batch, height, width = (torch.export.Dim(n, min=2, max=64) for n in 'bhw')
    arguments = fusion.arguments(*features())
    shapes = tree_map(lambda _: {0: batch, 2: height, 3: width}, arguments)
    exported = torch.export.export(module, arguments, dynamic_shapes=shapes)
    others = fusion.arguments(torch.randn(3, 8, 9, 6), torch.randn(3, 6, 9, 6))
    torch.testing.assert_close(exported.module()(*others), module(*others))
