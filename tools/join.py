"""Join trained networks: python tools/join.py A B [C] --out FOLDER"""

import argparse

from mmseg_coop.command_line import one_line_errors, silence_foreign_warnings
from mmseg_coop.command_line.arguments import add_loading_arguments, parse_arguments
from mmseg_coop.deployment.join import join


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write an ensemble of trained networks, or the start of a '
        'cooperative training'
    )
    parser.add_argument(
        'models',
        nargs='+',
        help='a folder with a config and a checkpoint, such as a work dir; a '
        'checkpoint in such a folder; or CONFIG,CHECKPOINT. The first one gives data '
        'and schedule',
    )
    parser.add_argument('--out', required=True, help='folder to write, a new one')
    parser.add_argument(
        '--pattern', help='connect them, as in same or multi; without it, an ensemble'
    )
    add_loading_arguments(parser)
    return parse_arguments(parser)


def main() -> None:
    args = parse_args()
    silence_foreign_warnings()
    with one_line_errors():
        written = join(args.models, args.out, args.pattern, args.cfg_options)
    print(f'Written: {written.config}\n         {written.checkpoint}')
    print(f'a cooperative model of {", ".join(written.networks)}')
    if args.pattern:
        start = f'load_from={written.checkpoint}'
        print(f'Train it: tools/train.py {written.config} --cfg-options {start}')


if __name__ == '__main__':
    main()
