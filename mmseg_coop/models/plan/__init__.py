from .build import build_connections
from .connection import Connection, SiteRef
from .plan import Demand, Plan

__all__ = ['Connection', 'Demand', 'Plan', 'SiteRef', 'build_connections']
