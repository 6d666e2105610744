"""Export a model: python tools/export.py CONFIG CHECKPOINT --out FILE.onnx"""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS
from torch import Tensor

from mmseg_coop.apis import Predictor, load_config
from mmseg_coop.command_line import add_loading_arguments, check_folder, run_tool
from mmseg_coop.datasets import check_dataset_folders
from mmseg_coop.deployment.export import FORMATS, export_model
from mmseg_coop.deployment.export.formats import OPSETS
from mmseg_coop.version import __version__


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write a trained model into one file that needs neither this '
        'package nor MMSegmentation, and maps an image to a label map and '
        'probabilities. Its results are compared with those of PyTorch'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('--out', type=Path, required=True, help='.onnx or .pt2 file')
    parser.add_argument('--format', choices=FORMATS, default='onnx')
    parser.add_argument(
        '--opset',
        type=int,
        default=OPSETS[-1],
        help=f"version of ONNX's operators; default: {OPSETS[-1]}",
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the images; default: any size, if the network allows it',
    )
    parser.add_argument(
        '--preprocess',
        action='store_true',
        help='include colour order, normalisation and padding, so that the file takes '
        'images as the pipeline loads and resizes them',
    )
    parser.add_argument(
        '--uncertainty',
        action='store_true',
        help="also give the entropy of the networks' mean, and where they disagree; "
        'all networks predict',
    )
    parser.add_argument(
        '--images',
        nargs='+',
        default=[],
        help='images for the comparison; default: three of the test data',
    )
    add_loading_arguments(parser)
    return parser


def load_images(predictor: Predictor, config: Config, files: list[str]) -> list[Tensor]:
    """Load image files, or else three images of the test data, (C, H, W)."""
    if files:
        return [predictor.pipeline(predictor.read(file))['inputs'] for file in files]
    check_dataset_folders(dict(test_dataloader=config.test_dataloader))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    return [dataset[i]['inputs'] for i in range(min(3, len(dataset)))]


def main(args: argparse.Namespace) -> None:
    check_folder('--out', args.out.parent)
    config = load_config(args.config, args.cfg_options)
    predictor = Predictor(config, args.checkpoint, 'cpu')
    outside = str(config.model.get('data_preprocessor'))
    metadata = dict(
        classes=predictor.classes,
        palette=predictor.palette[: len(predictor.classes)].tolist(),
        config=Path(config.filename).name,
        preprocessing='inside' if args.preprocess else outside,
        mmseg_coop=__version__,
    )
    images = load_images(predictor, config, args.images)
    exported = export_model(
        predictor.model,
        images,
        args.out,
        format=args.format,
        opset=args.opset,
        size=tuple(args.size) if args.size else None,
        preprocess=args.preprocess,
        uncertainty=args.uncertainty,
        metadata=metadata,
    )
    print(exported.summary())
    print(f'Written: {args.out}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
