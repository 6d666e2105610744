from .camvid import CamVidDataset
from .checks import check_dataset_folders, check_num_classes
from .draws import DrawSampler, SeededDataset
from .toy_streets import ToyStreets
from .transforms import CenterRegion

__all__ = [
    'CamVidDataset',
    'CenterRegion',
    'DrawSampler',
    'SeededDataset',
    'ToyStreets',
    'check_dataset_folders',
    'check_num_classes',
]
