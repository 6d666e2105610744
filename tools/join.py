"""Join trained networks: python tools/join.py A B [C] --out FOLDER"""

import argparse

from mmseg_coop.command_line import add_loading_arguments, run_tool
from mmseg_coop.deployment.join import join


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write an ensemble of trained networks, or a cooperative model to '
        'train from them'
    )
    parser.add_argument(
        'models',
        nargs='+',
        help='a folder with a config and a checkpoint, such as a work dir; a '
        'checkpoint in such a folder; or CONFIG,CHECKPOINT. The first one sets data '
        'and schedule',
    )
    parser.add_argument('--out', required=True, help='folder to write, a new one')
    parser.add_argument(
        '--pattern', help='connect them, as in same or multi; without it, an ensemble'
    )
    add_loading_arguments(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    print(join(args.models, args.out, args.pattern, args.cfg_options))


if __name__ == '__main__':
    run_tool(make_parser(), main)
