from .coop_aggregation import CoopAggregation
from .coop_connector import CoopConnector

__all__ = ['CoopAggregation', 'CoopConnector']
