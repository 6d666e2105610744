import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmseg_coop.models import CoopAggregation
from mmseg_coop.models.necks.projection import ResizedProjection


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('size', [(3, 4), (5, 7), (10, 13)])
def test_projection_and_resizing_commute(size, align_corners):
    projection = ResizedProjection(6, 8, bias=True, align_corners=align_corners)
    x = torch.randn(2, 6, 5, 7)
    mode = dict(mode='bilinear', align_corners=align_corners)
    projected_first = F.interpolate(
        F.conv2d(x, projection.weight, projection.bias), size=size, **mode
    )
    resized_first = F.conv2d(
        F.interpolate(x, size=size, **mode), projection.weight, projection.bias
    )
    found = projection(x, size)
    torch.testing.assert_close(found, projected_first)
    torch.testing.assert_close(found, resized_first)


def test_it_sums_projections_at_the_finest_size():
    aggregation = CoopAggregation([4, 6, 6], strides=[8, 4, 16], width=5)
    features = [
        torch.randn(2, 4, 6, 8),
        torch.randn(2, 6, 12, 16),
        torch.randn(2, 6, 3, 4),
    ]
    total = aggregation(features)
    expected = sum(
        projection(x, (12, 16))
        for projection, x in zip(aggregation.arriving, features, strict=True)
    )
    assert total.shape == (2, 5, 12, 16)
    torch.testing.assert_close(total, expected)


def test_it_is_registered_in_mmsegmentation():
    init_default_scope('mmseg')
    assert MODELS.get('CoopAggregation') is CoopAggregation
