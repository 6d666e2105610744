"""Train a model: python tools/train.py CONFIG"""

import argparse

from mmseg_coop.apis import build_runner, enable_amp, load_config
from mmseg_coop.command_line import add_common_arguments, run_tool


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Train a segmentor')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the latest checkpoint in the work dir',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU that has it',
    )
    add_common_arguments(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    config = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
    if args.amp:
        enable_amp(config)
    config.resume = args.resume
    runner = build_runner(config)
    runner.train()


if __name__ == '__main__':
    run_tool(make_parser(), main)
