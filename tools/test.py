"""Test a model: python tools/test.py CONFIG CHECKPOINT"""

import argparse
from pathlib import Path

from mmengine.config import Config

from mmseg_coop.apis import build_runner, load_config
from mmseg_coop.command_line import add_common_arguments, run_tool
from mmseg_coop.config_types import spell_out
from mmseg_coop.unwrap import unwrap


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Test (and evaluate) a segmentor')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file; without one, the networks are loaded from '
        'model.networks_init',
    )
    parser.add_argument('--out', help='folder for predicted label maps')
    parser.add_argument('--show', action='store_true', help='show predictions')
    parser.add_argument('--show-dir', help='folder for drawn predictions')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds to show a prediction'
    )
    parser.add_argument('--tta', action='store_true', help='test time augmentation')
    parser.add_argument(
        '--submission',
        help='predict the test set without labels, and write the files for its '
        'evaluation server to this folder',
    )
    add_common_arguments(parser)
    return parser


def show_predictions(config: Config, args: argparse.Namespace) -> None:
    hooks = config.setdefault('default_hooks', {})
    # None leaves a hook out.
    hook = hooks.get('visualization') or dict(type='SegVisualizationHook')
    hooks['visualization'] = dict(hook, draw=True)
    if args.show:
        hooks['visualization'].update(show=True, wait_time=args.wait_time)
    if args.show_dir:
        config.visualizer.save_dir = args.show_dir


def write_label_maps(config: Config, folder: str) -> None:
    if not isinstance(config.test_evaluator, dict):
        raise ValueError(
            f'--out: test_evaluator: found {config.test_evaluator!r}, expected one '
            'metric with its options'
        )
    config.test_evaluator.update(output_dir=folder, keep_results=True)


def augment_at_test_time(config: Config) -> None:
    for key in ('tta_pipeline', 'tta_model'):
        if not config.get(key):
            raise ValueError(f'--tta: the config has no {key}')
    config.test_dataloader.dataset.pipeline = config.tta_pipeline
    config.model = spell_out(dict(config.tta_model, module=config.model))
    # The copy of the config in the work dir must not replace that of training.
    path = Path(config.filename)
    name = path.with_name(f'{path.stem}_tta{path.suffix}')
    object.__setattr__(config, '_filename', str(name))


def predict_for_server(config: Config, folder: str) -> None:
    if 'submission_dataloader' not in config:
        raise ValueError(
            '--submission: the config has no submission_dataloader; expected a config '
            'for voc2012'
        )
    config.test_dataloader = config.submission_dataloader
    config.test_evaluator = spell_out(dict(config.submission_evaluator, out_dir=folder))


def main(args: argparse.Namespace) -> None:
    config = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
    if not (args.checkpoint or all(config.model.get('networks_init') or [None])):
        raise ValueError(
            'no weights to test: give a checkpoint after the config, or give '
            '--cfg-options "model.networks_init=[a.pth,b.pth]"'
        )
    config.load_from = args.checkpoint
    if args.show or args.show_dir:
        show_predictions(config, args)
    if args.out:
        write_label_maps(config, args.out)
    if args.submission:
        predict_for_server(config, args.submission)
    if args.tta:
        augment_at_test_time(config)
    runner = build_runner(config, loaders=['test_dataloader'])
    if not args.checkpoint:
        unwrap(runner.model).init_weights()
    runner.test()


if __name__ == '__main__':
    run_tool(make_parser(), main)
