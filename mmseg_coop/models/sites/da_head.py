"""Walk of DANet's head: the position and the channel attention streams."""

from collections.abc import Generator, Sequence

from mmseg.models.decode_heads import DAHead
from torch import Tensor

from .stop import Stop


def walk_da_head(
    head: DAHead, inputs: Sequence[Tensor]
) -> Generator[Stop, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Run ``DAHead.forward``, stopping behind each attention module.

    Sites: ``decode_head.pam`` (stream ``pam``) and ``decode_head.cam`` (stream
    ``cam``), "separate cooperative connections on each stream" (Section 4.3 of the
    paper).

    Both attention modules run before the convolutions that follow them. The values
    are those of ``forward``, and a network that is walked only as far as its last
    site does no work for its own classifiers.

    Args:
        head: A head whose ``forward`` is that of ``DAHead``.
        inputs: The backbone's feature maps.

    Returns:
        The logits of both streams' sum, of the PAM and of the CAM stream, each
        (N, num_classes, H, W).
    """
    x = head._transform_inputs(inputs)
    pam_feat = yield Stop('decode_head.pam', head.pam(head.pam_in_conv(x)), 'pam')
    cam_feat = yield Stop('decode_head.cam', head.cam(head.cam_in_conv(x)), 'cam')

    # Dropout draws in the order of ``forward``: PAM, CAM, sum.
    pam_feat = head.pam_out_conv(pam_feat)
    pam_out = head.pam_cls_seg(pam_feat)
    cam_feat = head.cam_out_conv(cam_feat)
    cam_out = head.cam_cls_seg(cam_feat)
    return head.cls_seg(pam_feat + cam_feat), pam_out, cam_out
