"""Walk of the ResNet family: ResNet, ResNetV1c, ResNetV1d, ResNeXt, ResNeSt."""

from collections.abc import Generator

from mmseg.models.backbones import ResNet
from torch import Tensor

from .stop import Stop


def walk_resnet(
    backbone: ResNet, inputs: Tensor
) -> Generator[Stop, Tensor, tuple[Tensor, ...]]:
    """Run ``ResNet.forward``, stopping behind each residual stage.

    Sites: ``backbone.layer1`` to ``backbone.layer4`` (stream ``trunk``).

    Args:
        backbone: A backbone whose ``forward`` is that of ``ResNet``.
        inputs: Images, (N, C, H, W).

    Returns:
        The feature maps of ``backbone.out_indices``.
    """
    x = backbone.stem(inputs) if backbone.deep_stem else _stem(backbone, inputs)
    x = backbone.maxpool(x)
    outs = []
    for i, layer_name in enumerate(backbone.res_layers):
        x = getattr(backbone, layer_name)(x)
        x = yield Stop(f'backbone.{layer_name}', x)
        if i in backbone.out_indices:
            outs.append(x)
    return tuple(outs)


def _stem(backbone: ResNet, inputs: Tensor) -> Tensor:
    return backbone.relu(backbone.norm1(backbone.conv1(inputs)))
