from .decode_heads import EfficientDAHead
from .losses import CooperationLoss, DistillLoss, MutualLoss
from .necks import CoopAggregation, CoopConnector, GateConnector, SumConnector
from .segmentors import CooperativeEncoderDecoder

__all__ = [
    'CoopAggregation',
    'CoopConnector',
    'CooperationLoss',
    'CooperativeEncoderDecoder',
    'DistillLoss',
    'EfficientDAHead',
    'GateConnector',
    'MutualLoss',
    'SumConnector',
]
