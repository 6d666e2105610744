from .camvid import CamVidDataset
from .checks import check_dataset_folders, check_num_classes
from .toy_streets import ToyStreets
from .transforms import CenterRegion

__all__ = [
    'CamVidDataset',
    'CenterRegion',
    'ToyStreets',
    'check_dataset_folders',
    'check_num_classes',
]
