from .base_connector import BaseConnector
from .coop_aggregation import CoopAggregation
from .coop_connector import CoopConnector
from .gate_connector import GateConnector
from .sum_connector import SumConnector

__all__ = [
    'BaseConnector',
    'CoopAggregation',
    'CoopConnector',
    'GateConnector',
    'SumConnector',
]
