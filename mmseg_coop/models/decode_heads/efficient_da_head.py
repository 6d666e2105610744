"""DANet's head with position attention in memory linear in the number of pixels."""

import torch
from mmseg.models.decode_heads import DAHead
from mmseg.models.decode_heads.da_head import PAM
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..exporting import is_exporting

# Similarities of a batch that are held at a time: 16 MB in float32.
TILE = 2**22
# Queries at a time in an exported graph.
_SCANNED = 128


class EfficientPAM(PAM):
    """Position attention that never holds all similarities, (H W) x (H W), at once.

    The softmax of a query needs only its own row, so that rows are computed piece by
    piece; in training the pieces are computed again for the backward pass. On a GPU
    PyTorch's fused attention does the same. A recorded graph holds for any size:
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
    if is_exporting():
        return _scanned(query, key, value)
    # FX and export compute with stand-ins for tensors, for sizes other than these.
    recorded = torch.compiler.is_compiling() or type(query) is not Tensor
    if recorded or query.is_cuda:
        return _fused(query, key, value)
    # Tensors of the meta device take no memory.
    attend = _plain if query.is_meta else _by_rows
    return attend(query, key, value)


def _plain(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """MMSegmentation's formula, which holds all similarities at once."""
    attention = (query.transpose(1, 2) @ key).softmax(-1)
    return value @ attention.transpose(1, 2)


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


def _by_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Some rows of the similarities after the other, again in the backward pass."""

    def attend(queries: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return _plain(queries, key.to(query.dtype), value.to(query.dtype))

    count = max(1, TILE // key[:, 0].numel())
    # Gradients of all rows are added up, for which half a float would not do.
    whole = key.float(), value.float()
    options = dict(use_reentrant=False, preserve_rng_state=False)
    pieces = query.split(count, dim=2)
    return torch.cat([checkpoint(attend, x, *whole, **options) for x in pieces], dim=2)
