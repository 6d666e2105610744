"""Heads of a segmentor."""

from torch import nn


def last_head(network: nn.Module) -> nn.Module:
    """The decode head that predicts: of a cascade, the last."""
    head = network.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """All auxiliary heads of a segmentor."""
    heads = getattr(network, 'auxiliary_head', None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]
