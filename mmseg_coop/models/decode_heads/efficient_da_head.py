"""DANet's head with position attention in memory linear in the number of pixels."""

from typing import Any

import torch
from mmseg.models.decode_heads import DAHead
from mmseg.models.decode_heads.da_head import PAM
from mmseg.registry import MODELS
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# Similarities that are held at a time: 32 MB in float32.
_PIECE = 2**23


class EfficientPAM(PAM):
    """Position attention that never holds all similarities, (H W) x (H W), at once.

    The softmax of a query needs only its own row, so that rows are worked off piece by
    piece; in training the pieces are computed again for the backward pass. On a GPU
    PyTorch's fused attention does the same (not run on one by the authors).

    Parameters and results are those of MMSegmentation's ``PAM``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        query = self.query_project(x).flatten(2).transpose(1, 2)
        key = self.key_project(x).flatten(2)
        value = self.value_project(x).flatten(2).transpose(1, 2)
        context = _attend(query, key, value).transpose(1, 2).reshape(x.shape)
        return self.gamma(context) + x


@MODELS.register_module()
class EfficientDAHead(DAHead):
    """``DAHead`` for large images: the same parameters, losses and logits.

    MMSegmentation's checkpoints of DANet load as they are.

    Args:
        pam_channels: Channels of query and key of the position attention.
        **kwargs: As for ``BaseDecodeHead``.
    """

    def __init__(self, pam_channels: int, **kwargs):
        super().__init__(pam_channels=pam_channels, **kwargs)
        self.pam = EfficientPAM(self.channels, pam_channels)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key) value: (N, L, D), (N, D, L), (N, L, C) to (N, L, C)."""
    if query.is_cuda:
        # One head; DANet does not scale its similarities.
        heads = [x.unsqueeze(1) for x in (query, key.transpose(1, 2), value)]
        return F.scaled_dot_product_attention(*heads, scale=1.0).squeeze(1)
    return _Attention.apply(query, key, value)


class _Attention(Function):
    """Attention in pieces of rows, which the backward pass computes again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(query, key, value)
        pieces = query.split(_rows(key), dim=1)
        return torch.cat([_similarities(q, key) @ value for q in pieces], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = ctx.saved_tensors
        grad_query = torch.empty_like(query)
        grad_key, grad_value = torch.zeros_like(key), torch.zeros_like(value)
        rows = _rows(key)
        for start in range(0, query.shape[1], rows):
            piece = slice(start, start + rows)
            attention = _similarities(query[:, piece], key)
            grad_value.baddbmm_(attention.transpose(1, 2), grad[:, piece])
            grad_attention = grad[:, piece] @ value.transpose(1, 2)
            # Through the softmax: a (g - sum of a g).
            grad_attention *= attention
            total = grad_attention.sum(-1, keepdim=True)
            grad_attention.addcmul_(attention, total, value=-1)
            grad_query[:, piece] = grad_attention @ key.transpose(1, 2)
            grad_key.baddbmm_(query[:, piece].transpose(1, 2), grad_attention)
        return grad_query, grad_key, grad_value


def _rows(key: Tensor) -> int:
    return max(1, _PIECE // key.shape[-1])


def _similarities(query: Tensor, key: Tensor) -> Tensor:
    return F.softmax(query @ key, dim=-1).to(query.dtype)
