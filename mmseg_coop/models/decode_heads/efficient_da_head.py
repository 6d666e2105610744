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

# Similarities of a batch that are held at a time: 16 MB in float32 of whole rows in
# the forward pass, 4 MB of parts of rows in the backward pass.
_STRIP = 2**22
_TILE = 2**20


class EfficientPAM(PAM):
    """Position attention that never holds all similarities, (H W) x (H W), at once.

    The softmax of a query needs only its own row, so that rows are worked off piece by
    piece; in training the pieces are computed again for the backward pass. On a GPU
    PyTorch's fused attention does the same (not run on one by the authors).

    Parameters and results are those of MMSegmentation's ``PAM``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        query, key, value = (
            project(x).flatten(2)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        return self.gamma(_attend(query, key, value).view(x.shape)) + x


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
    """value softmax(query key): (N, D, L), (N, D, L), (N, C, L) to (N, C, L)."""
    if query.is_cuda:
        return _fused(query, key, value)
    return _Attention.apply(query, key, value)


def _fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """PyTorch's attention with one head; DANet does not scale its similarities."""
    # Its fused kernels want the channels of a token side by side.
    heads = [x.transpose(1, 2).contiguous().unsqueeze(1) for x in (query, key, value)]
    out = F.scaled_dot_product_attention(*heads, scale=1.0)
    return out.squeeze(1).transpose(1, 2).contiguous()


class _Attention(Function):
    """Attention in tiles that fit a processor's cache, computed again for gradients.

    The gradients are those of FlashAttention (Dao et al., NeurIPS 2022, Algorithm 4):
    with the logarithm of each row's sum, a tile of the attention can be had again
    without the rest of its rows.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = torch.empty_like(value)
        log_sums = torch.empty_like(query[:, 0], dtype=torch.float32)
        for rows in _pieces(query.shape[-1], _STRIP // key[:, 0].numel()):
            logits = _similarities(query[..., rows], key)
            top = logits.amax(-1, keepdim=True)
            attention = logits.sub_(top).exp_()
            sums = attention.sum(-1, keepdim=True)
            log_sums[:, rows] = sums.log().add_(top).squeeze(-1)
            attention = attention.to(value.dtype).transpose(1, 2)
            out[..., rows] = (value @ attention).div_(sums.transpose(1, 2))
        ctx.save_for_backward(query, key, value, out, log_sums)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, out, log_sums = ctx.saved_tensors
        # Many tiles are added up, for which half a float would not do.
        sums = [
            torch.zeros_like(tensor, dtype=torch.float32)
            for tensor in (query, key, value)
        ]
        grad_query, grad_key, grad_value = sums
        pieces = _pieces(query.shape[-1], int((_TILE / len(query)) ** 0.5))
        # What the softmax takes from each similarity of a row.
        shares = [(grad[..., rows].float() * out[..., rows]).sum(1) for rows in pieces]
        for columns in pieces:
            keys, values = key[..., columns], value[..., columns]
            for rows, share in zip(pieces, shares, strict=True):
                queries, outer = query[..., rows], grad[..., rows]
                logits = _similarities(queries, keys)
                attention = logits.sub_(log_sums[:, rows, None]).exp_()
                grad_value[..., columns] += outer @ attention.to(outer.dtype)
                change = _similarities(outer, values).sub_(share[..., None])
                change = change.mul_(attention).to(query.dtype)
                grad_query[..., rows] += keys @ change.transpose(1, 2)
                grad_key[..., columns] += queries @ change
        return tuple(total.to(query.dtype) for total in sums)


def _similarities(queries: Tensor, keys: Tensor) -> Tensor:
    """(N, D, R) and (N, D, K) to (N, R, K), in float32."""
    return (queries.transpose(1, 2) @ keys).float()


def _pieces(length: int, size: int) -> list[slice]:
    size = max(1, size)
    return [slice(start, start + size) for start in range(0, length, size)]
