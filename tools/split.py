"""Extract a network: python tools/split.py CONFIG CHECKPOINT --network student"""

import argparse

from mmseg_coop.command_line import add_loading_arguments, run_tool
from mmseg_coop.deployment.split import split


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write a network of a trained cooperative model as a separate '
        'model: an ordinary one of MMSegmentation or, if it receives feature maps, the '
        'smallest cooperative model that predicts the same'
    )
    parser.add_argument('config', help='config file of the cooperative model')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--network', required=True, help='name of the network')
    parser.add_argument('--out', required=True, help='folder to write, a new one')
    parser.add_argument(
        '--alone',
        action='store_true',
        help='leave out its connections, for a network that was trained with '
        'connections.dropout',
    )
    add_loading_arguments(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    text = split(
        args.config,
        args.checkpoint,
        args.network,
        args.out,
        args.alone,
        args.cfg_options,
    )
    print(text)


if __name__ == '__main__':
    run_tool(make_parser(), main)
