"""Show how networks cooperate: python tools/analyze.py CONFIG [CHECKPOINT]"""

import argparse
import json
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS
from torch import nn

from mmseg_coop.analysis.cooperation import fixed_batch, measure_cooperation
from mmseg_coop.analysis.graph import draw_graph
from mmseg_coop.apis import load_config
from mmseg_coop.checkpoints.atomic_backend import AtomicBackend
from mmseg_coop.command_line import add_loading_arguments, check_folder, run_tool
from mmseg_coop.datasets import check_dataset_folders
from mmseg_coop.deployment.knock_out_checkpoint import knock_out_checkpoint
from mmseg_coop.deployment.split import build_cooperative
from mmseg_coop.models.checkpoint_weights import load_weights
from mmseg_coop.plot_style import save


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Measure the strength of connectors and the similarity of the '
        "networks' feature maps; or draw the connections of a config"
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file or URL')
    parser.add_argument(
        '--graph',
        action='store_true',
        help='draw the connections, as graph.svg and graph.png; needs no checkpoint',
    )
    parser.add_argument(
        '--knock-out',
        action='store_true',
        help='test with each connection switched off, instead of measuring: '
        'knock_out.json (resumed if it exists) and knock_out.png',
    )
    parser.add_argument(
        '--keep',
        type=int,
        metavar='K',
        help='with --knock-out: write kept.py and kept.pth with the K targets whose '
        'removal costs most mIoU',
    )
    parser.add_argument(
        '--num-images',
        type=int,
        default=8,
        help='number of images of the test set to measure on',
    )
    parser.add_argument('--out', type=Path, default=Path('analysis'), help='folder')
    add_loading_arguments(parser)
    return parser


def draw(model: nn.Module, folder: Path) -> None:
    figure = draw_graph(model)
    for suffix in ('.svg', '.png'):
        save(figure, folder / f'graph{suffix}')
    print(model.plan)


def measure(model: nn.Module, config: Config, args: argparse.Namespace) -> None:
    check_dataset_folders(dict(test_dataloader=config.test_dataloader))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    found = measure_cooperation(model, fixed_batch(model, dataset, args.num_images))
    text = json.dumps(found.scalars(), indent=2)
    AtomicBackend().put_text(f'{text}\n', args.out / 'cooperation.json')
    print(found.table())


def main(args: argparse.Namespace) -> None:
    if not args.checkpoint and (args.knock_out or not args.graph):
        raise ValueError('give a checkpoint after the config, or give --graph alone')
    if args.num_images < 1:
        raise ValueError(f'--num-images: found {args.num_images}, expected 1 or more')
    if args.keep is not None and not args.knock_out:
        raise ValueError('--keep needs --knock-out, by which it chooses')
    check_folder('--out', args.out)
    config = load_config(args.config, args.cfg_options)
    model = build_cooperative(config)
    meta = {}
    if args.checkpoint:
        meta = load_weights(model, args.checkpoint).get('meta', {})
    if args.graph:
        draw(model, args.out)
    if args.knock_out:
        print(knock_out_checkpoint(model, config, meta, args.out, args.keep))
    elif args.checkpoint:
        measure(model, config, args)
    print(f'Written to {args.out}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
