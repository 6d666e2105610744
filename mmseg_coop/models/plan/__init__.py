from .build import build_connections
from .connection import Connection, SiteRef
from .plan import Demand, Observer, Plan

__all__ = [
    'Connection',
    'Demand',
    'Observer',
    'Plan',
    'SiteRef',
    'build_connections',
]
