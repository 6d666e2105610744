"""Write a model to share: python tools/publish.py CONFIG CHECKPOINT --out FOLDER"""

import argparse
from pathlib import Path

from mmseg_coop.apis import load_config
from mmseg_coop.command_line import one_line_errors, silence_foreign_warnings
from mmseg_coop.command_line.arguments import add_loading_arguments, parse_arguments
from mmseg_coop.deployment.publish import publish


def parse_args() -> argparse.Namespace:
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
    return parse_arguments(parser)


def main() -> None:
    args = parse_args()
    silence_foreign_warnings()
    with one_line_errors():
        config = load_config(args.config, args.cfg_options)
        publish(config, args.checkpoint, args.out, args.run)
    print(f'Written to {args.out}')
    print(f'To upload: hf upload USER/NAME {args.out}')


if __name__ == '__main__':
    main()
