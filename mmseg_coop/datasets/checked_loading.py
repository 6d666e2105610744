"""MMSegmentation's loaders with checks whose errors name the file.

``recognise_faults`` turns the loaders of a dataset into these.
"""

from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations

from .file_faults import DataFault, check_depth, check_label, read_file, undecodable


class LoadCheckedImage(LoadImageFromFile):
    """``LoadImageFromFile`` that detects missing, damaged and truncated files."""

    def transform(self, results: dict) -> dict | None:
        """Load ``img`` (H, W, 3).

        Raises:
            DataFault: If the file is at fault.
        """
        path = results['img_path']
        if not self.ignore_empty:
            read_file(path, self.backend_args)
        try:
            return super().transform(results)
        except Exception as error:
            raise undecodable(path, error) from None


class LoadCheckedAnnotations(LoadAnnotations):
    """``LoadAnnotations`` that detects wrong files, sizes and values.

    Attributes:
        num_classes: Number of classes; values are not checked without it.
        ignore_index: The value of ignored pixels.
    """

    num_classes: int | None = None
    ignore_index: int = 255

    def transform(self, results: dict) -> dict:
        """Load ``gt_seg_map`` (H, W), and compare its size with the image's.

        Raises:
            DataFault: If the file is at fault.
        """
        path = results['seg_map_path']
        data = read_file(path, self.backend_args)
        try:
            check_depth(path, data)
            results = super().transform(results)
        except (DataFault, AssertionError):
            # MMSegmentation's asserts are about the config.
            raise
        except Exception as error:
            raise undecodable(path, error) from None
        check_label(
            path,
            results['gt_seg_map'],
            # The image may have been resized already.
            results.get('ori_shape'),
            self.num_classes,
            self.ignore_index,
        )
        return results
