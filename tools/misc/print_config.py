"""Print and write a whole config: python tools/misc/print_config.py CONFIG

The file inherits nothing, so that MMSegmentation's own tools can read it.
"""

import argparse
from pathlib import Path

from mmseg.registry import MODELS

from mmseg_coop.apis import read_config
from mmseg_coop.command_line import add_config_options, run_tool


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Print the whole config, and write it to a file that inherits '
        "nothing, as MMSegmentation's own tools need it"
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--graph',
        action='store_true',
        help='build and print the model, and write it to <config written>-graph.txt',
    )
    parser.add_argument(
        '--save-path',
        type=Path,
        default=Path('example.py'),
        help='file to write: .py, .json, .yml or .yaml; default: example.py',
    )
    add_config_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    config = read_config(args.config, args.cfg_options)
    print(f'Config:\n{config.pretty_text}')
    config.dump(str(args.save_path))
    if args.graph:
        graph = str(MODELS.build(config.model))
        print(f'Model graph:\n{graph}')
        path = args.save_path.with_name(f'{args.save_path.stem}-graph.txt')
        path.write_text(graph)


if __name__ == '__main__':
    run_tool(make_parser(), main)
