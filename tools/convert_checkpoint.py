"""Convert a checkpoint: python tools/convert_checkpoint.py IN.pth OUT.safetensors"""

import argparse
from pathlib import Path

from mmseg_coop.checkpoints.safe_load import read_checkpoint
from mmseg_coop.checkpoints.safetensors import SUFFIX, save_safetensors
from mmseg_coop.command_line import add_trust_argument, run_tool


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write the weights of a checkpoint as .safetensors, which can not '
        'hold code'
    )
    parser.add_argument('source', help='checkpoint file')
    parser.add_argument('target', type=Path, help=f'file to write, as best{SUFFIX}')
    add_trust_argument(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    if args.target.suffix != SUFFIX:
        raise ValueError(f'{args.target}: expected a name that ends with {SUFFIX}')
    save_safetensors(read_checkpoint(args.source, 'cpu'), args.target)
    print(f'Written: {args.target}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
