from .camvid import CamVidDataset
from .checked_loading import LoadCheckedAnnotations, LoadCheckedImage
from .checks import check_dataset_folders, check_num_classes
from .faults import DataFault
from .policy import apply_data_policy
from .skip_faults import SkipFaults
from .toy_streets import ToyStreets
from .transforms import CenterRegion

__all__ = [
    'CamVidDataset',
    'CenterRegion',
    'DataFault',
    'LoadCheckedAnnotations',
    'LoadCheckedImage',
    'SkipFaults',
    'ToyStreets',
    'apply_data_policy',
    'check_dataset_folders',
    'check_num_classes',
]
