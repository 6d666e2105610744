"""Convert a checkpoint: python tools/convert_checkpoint.py IN.pth OUT.safetensors"""

import argparse

from mmseg_coop.checkpoints.convert import convert_checkpoint
from mmseg_coop.command_line import add_trust_argument, run_tool


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write the weights of a checkpoint as .safetensors, which can not '
        'hold code, or as .pth'
    )
    parser.add_argument('source', help='checkpoint file')
    parser.add_argument('target', help='file to write, .safetensors or .pth')
    add_trust_argument(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    convert_checkpoint(args.source, args.target)
    print(f'Written: {args.target}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
