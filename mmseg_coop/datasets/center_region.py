"""Transforms that MMSegmentation and MMCV lack."""

from mmcv.transforms import CenterCrop
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterRegion(CenterCrop):
    """Crop the centre of image and label, as in Section 4.1.2 of the paper.

    Unlike MMCV's ``CenterCrop`` it also sets ``ori_shape``, the size to which
    predictions are resized. Smaller images stay whole.

    Its arguments are those of ``CenterCrop``, among them ``crop_size``: width and
    height of the region, or one number for both.
    """

    def transform(self, results: dict) -> dict:
        """Crop ``img`` (H, W, 3) and, if there is one, ``gt_seg_map`` (H, W)."""
        results = super().transform(results)
        results['ori_shape'] = results['img'].shape[:2]
        return results
