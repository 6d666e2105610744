"""Heads of a segmentor."""

from torch import nn


def last_head(network: nn.Module) -> nn.Module:
    """The decode head that predicts: of a cascade, the last."""
    return decode_heads(network)[-1]


def decode_heads(network: nn.Module) -> list[nn.Module]:
    """All decode heads of a segmentor: several of a cascade."""
    return _as_list(network.decode_head)


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """All auxiliary heads of a segmentor."""
    return _as_list(getattr(network, 'auxiliary_head', None))


def _as_list(heads: nn.Module | None) -> list[nn.Module]:
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]
