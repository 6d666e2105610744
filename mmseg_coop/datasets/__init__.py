from .binary_masks import check_binary_masks
from .camvid import CamVidDataset
from .center_region import CenterRegion
from .config_checks import LOADERS, check_dataset_folders, check_num_classes
from .fault_handling import recognise_faults
from .file_faults import DataFault
from .modality import LoadModality
from .reduce_zero_label import check_reduce_zero_label
from .seeded_loading import DrawSampler, SeededDataset
from .toy_streets import ToyStreets

__all__ = [
    'LOADERS',
    'CamVidDataset',
    'CenterRegion',
    'DataFault',
    'DrawSampler',
    'LoadModality',
    'SeededDataset',
    'ToyStreets',
    'check_binary_masks',
    'check_dataset_folders',
    'check_num_classes',
    'check_reduce_zero_label',
    'recognise_faults',
]
