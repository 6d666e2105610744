"""Convert a checkpoint: python tools/convert_checkpoint.py IN.pth OUT.safetensors"""

import argparse

from mmseg_coop.checkpoints.convert import convert_checkpoint
from mmseg_coop.command_line import one_line_errors, silence_foreign_warnings
from mmseg_coop.command_line.arguments import add_trust_argument, parse_arguments


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write the weights of a checkpoint as .safetensors, which can not '
        'hold code, or as .pth'
    )
    parser.add_argument('source', help='checkpoint file')
    parser.add_argument('target', help='file to write, .safetensors or .pth')
    add_trust_argument(parser)
    return parse_arguments(parser)


def main() -> None:
    args = parse_args()
    silence_foreign_warnings()
    with one_line_errors():
        convert_checkpoint(args.source, args.target)
    print(f'Written: {args.target}')


if __name__ == '__main__':
    main()
