from .discover import find_sites
from .head_sites import NamedSite, register_site_rule
from .hooks import VisitorSlot, attach
from .site import LOGITS, TRUNK, Address, Site

__all__ = [
    'LOGITS',
    'TRUNK',
    'Address',
    'NamedSite',
    'Site',
    'VisitorSlot',
    'attach',
    'find_sites',
    'register_site_rule',
]
