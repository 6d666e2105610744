from .checkpoint import check_state_dict

__all__ = ['check_state_dict']
