from .cooperative_encoder_decoder import CooperativeEncoderDecoder
from .label_maps import Collect, can_predict_labels, predict_labels
from .network_config_files import flatten_networks, segmentor_configs
from .network_configs import read_networks
from .observe import observe

__all__ = [
    'Collect',
    'CooperativeEncoderDecoder',
    'can_predict_labels',
    'flatten_networks',
    'observe',
    'predict_labels',
    'read_networks',
    'segmentor_configs',
]
