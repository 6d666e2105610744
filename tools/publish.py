"""Write a model to share: python tools/publish.py CONFIG CHECKPOINT --out FOLDER"""

import argparse
from pathlib import Path

from mmseg_coop.apis import load_config
from mmseg_coop.command_line import add_loading_arguments, run_tool
from mmseg_coop.deployment.publish import publish


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write a folder with config, weights, classes and a model card, '
        'as the Hugging Face hub lays it out; nothing is uploaded'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', type=Path, required=True, help='new folder')
    parser.add_argument(
        '--run',
        help='work dir with the results of a test, for the card; default: that of the '
        'checkpoint, if it has any',
    )
    add_loading_arguments(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    config = load_config(args.config, args.cfg_options)
    publish(config, args.checkpoint, args.out, args.run)
    print(f'Written to {args.out}')
    print(f'To upload: hf upload USER/NAME {args.out}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
