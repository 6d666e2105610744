import numpy as np
import pytest
from mmseg.registry import TRANSFORMS


@pytest.mark.parametrize(
    ('shape', 'expected'),
    [((20, 30), (10, 12)), ((8, 30), (8, 12)), ((8, 9), (8, 9))],
)
def test_centre_region(shape, expected):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    results = dict(
        img=image, gt_seg_map=image[..., 0], ori_shape=shape, img_shape=shape
    )
    crop = TRANSFORMS.build(dict(type='CenterRegion', crop_size=(12, 10)))
    found = crop(results)
    assert found['img'].shape[:2] == found['gt_seg_map'].shape == expected
    assert found['ori_shape'] == found['img_shape'][:2] == expected
    top, left = (shape[0] - expected[0]) // 2, (shape[1] - expected[1]) // 2
    region = image[top : top + expected[0], left : left + expected[1]]
    assert np.abs(found['img'].astype(int) - region).max() == 0
    assert np.array_equal(found['gt_seg_map'], found['img'][..., 0])
