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

from ..exporting import is_exporting

# Similarities of a batch that are held at a time: 4 MB in float32.
TILE = 2**20
# Queries at a time in an exported graph.
_SCANNED = 128


class EfficientPAM(PAM):
    """Position attention that never holds all similarities, (H W) x (H W), at once.

    The softmax of a query needs only its own row, so that rows are computed piece by
    piece; in training the pieces are computed again for the backward pass. On a GPU
    PyTorch's fused attention does the same.

    Where a graph is recorded (to trace, export or compile it), it holds for any size:
    exported it is a loop over some queries at a time, in linear memory; compiled its
    attention is PyTorch's, and in TorchScript MMSegmentation's.

    Parameters and results are those of MMSegmentation's ``PAM``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        if torch.jit.is_tracing():
            # MMEngine's count of FLOPs and ONNX before opset 14 know products only.
            return super().forward(x)
        query, key, value = (
            project(x).flatten(2)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        return self.gamma(_attend(query, key, value).view(x.shape)) + x


@MODELS.register_module()
class EfficientDAHead(DAHead):
    """``DAHead`` for large images: the same parameters, losses and logits.

    MMSegmentation's checkpoints of DANet load as they are. On a CPU it has no second
    derivatives and no ``torch.func``, which ``DAHead`` has.

    Args:
        pam_channels: Channels of query and key of the position attention.
        **kwargs: As for ``BaseDecodeHead``.
    """

    def __init__(self, pam_channels: int, **kwargs):
        super().__init__(pam_channels=pam_channels, **kwargs)
        self.pam = EfficientPAM(self.channels, pam_channels)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """value softmax(query key): (N, D, L), (N, D, L), (N, C, L) to (N, C, L)."""
    if is_exporting():
        return _scanned(query, key, value)
    # FX and export compute with stand-ins for tensors.
    recorded = torch.compiler.is_compiling() or type(query) is not Tensor
    if recorded or query.is_cuda:
        return _fused(query, key, value)
    if query.is_meta:
        # MMSegmentation's formula: tensors of the meta device take no memory.
        attention = (query.transpose(1, 2) @ key).softmax(-1)
        return value @ attention.transpose(1, 2)
    return TiledAttention.apply(query, key, value)


def _fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """PyTorch's attention with one head; DANet does not scale its similarities."""
    # Its fused kernels want the channels of a token side by side.
    heads = [x.transpose(1, 2).contiguous().unsqueeze(1) for x in (query, key, value)]
    out = F.scaled_dot_product_attention(*heads, scale=1.0)
    return out.squeeze(1).transpose(1, 2).contiguous()


def _scanned(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of a few queries after the other: a loop in the exported graph."""
    from torch._higher_order_ops.scan import scan

    def attend(carried: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        # Not @, which asks for sizes, and those can't be taken into a scan.
        attention = torch.bmm(queries, key).softmax(-1)
        return carried.clone(), torch.bmm(value, attention.transpose(1, 2))

    length = query.shape[2]
    # One piece would be taken for a constant, and none to pad for another case.
    count = torch.sym_max(2, length // _SCANNED + 1)
    pieces = F.pad(query, (0, count * _SCANNED - length))
    pieces = pieces.unflatten(2, (count, _SCANNED)).permute(2, 0, 3, 1)
    # A scan has to carry something.
    _, out = scan(attend, query.new_zeros(1), pieces)
    return out.permute(1, 2, 0, 3).flatten(2)[..., :length]


class TiledAttention(Function):
    """Attention in tiles that fit a processor's cache, computed again for gradients.

    As in FlashAttention (Dao et al., NeurIPS 2022, Algorithms 2 and 4): what has been
    added up is scaled down when a row turns out to have a higher similarity; with the
    logarithm of each row's sum, a tile can be had again without the rest of its rows.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = torch.empty_like(value)
        log_sums = torch.empty_like(query[:, 0], dtype=torch.float32)
        pieces = _pieces(query)
        for rows in pieces:
            part = torch.zeros_like(value[..., rows], dtype=torch.float32)
            sums = torch.zeros_like(log_sums[:, rows, None])
            top = torch.full_like(sums, -torch.inf)
            for columns in pieces:
                logits = _similarities(query[..., rows], key[..., columns])
                before, top = top, torch.maximum(top, logits.amax(-1, keepdim=True))
                scale = (before - top).exp_()
                attention = logits.sub_(top).exp_()
                sums.mul_(scale).add_(attention.sum(-1, keepdim=True))
                attention = attention.to(value.dtype).transpose(1, 2)
                part.mul_(scale.transpose(1, 2))
                _add_product(part, value[..., columns], attention)
            out[..., rows] = part.div_(sums.transpose(1, 2))
            log_sums[:, rows] = sums.log_().add_(top).squeeze(-1)
        ctx.save_for_backward(query, key, value, out, log_sums)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        query, key, value, out, log_sums = ctx.saved_tensors
        # Many tiles are added up, for which half a float would not do.
        sums = [
            torch.zeros_like(tensor, dtype=torch.float32)
            for tensor in (query, key, value)
        ]
        grad_query, grad_key, grad_value = sums
        pieces = _pieces(query)
        # What the softmax takes from each similarity of a row.
        shares = [(grad[..., rows].float() * out[..., rows]).sum(1) for rows in pieces]
        for columns in pieces:
            keys, values = key[..., columns], value[..., columns]
            for rows, share in zip(pieces, shares, strict=True):
                queries, outer = query[..., rows], grad[..., rows]
                logits = _similarities(queries, keys)
                attention = logits.sub_(log_sums[:, rows, None]).exp_()
                _add_product(grad_value[..., columns], outer, attention.to(outer.dtype))
                change = _similarities(outer, values).sub_(share[..., None])
                change = change.mul_(attention).to(query.dtype)
                _add_product(grad_query[..., rows], keys, change.transpose(1, 2))
                _add_product(grad_key[..., columns], queries, change)
        return tuple(total.to(query.dtype) for total in sums)


def _similarities(queries: Tensor, keys: Tensor) -> Tensor:
    """(N, D, R) and (N, D, K) to (N, R, K), in float32."""
    return (queries.transpose(1, 2) @ keys).float()


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a b to a total in float32, without a copy where a and b are, too."""
    if a.dtype == total.dtype:
        # PyTorch's FlopCounterMode does not know baddbmm_.
        torch.baddbmm(total, a, b, out=total)
    else:
        total.add_(a @ b)


def _pieces(tokens: Tensor) -> list[slice]:
    """Pieces of (N, D, L), two of which make a tile."""
    size = max(1, int((TILE / len(tokens)) ** 0.5))
    return [slice(i, i + size) for i in range(0, tokens.shape[-1], size)]
