from .connection import Connection, SiteRef
from .patterns import PATTERNS, NetworkSites, matched
from .plan import Plan
from .read_connections import asked_sites, read_connections
from .restrict import restrict

__all__ = [
    'PATTERNS',
    'Connection',
    'NetworkSites',
    'Plan',
    'SiteRef',
    'asked_sites',
    'matched',
    'read_connections',
    'restrict',
]
