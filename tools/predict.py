"""Predict images: python tools/predict.py CONFIG CHECKPOINT SOURCE...

Or with a folder that has both: python tools/predict.py FOLDER SOURCE...
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from rich.progress import track

from mmseg_coop.apis import Predictor, load_config
from mmseg_coop.apis.images import UnreadableImageError
from mmseg_coop.apis.model_files import model_files
from mmseg_coop.command_line import add_loading_arguments, check_folder, run_tool
from mmseg_coop.command_line.sources import Frame, Sources
from mmseg_coop.command_line.writers import WRITERS, PredictionWriter
from mmseg_coop.models.expect import expect


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Predict images')
    parser.add_argument(
        'config',
        help='config file, or a folder that has one and a checkpoint',
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file or URL; left out if the config is a folder',
    )
    parser.add_argument(
        'sources',
        nargs='*',
        metavar='SOURCE',
        help='image or video, folder, glob in quotes, or the index of a camera '
        '(until Ctrl-C)',
    )
    parser.add_argument('--out', type=Path, default=Path('predictions'), help='folder')
    parser.add_argument(
        '--save',
        nargs='+',
        choices=list(WRITERS),
        default=['overlay'],
        help='what to write',
    )
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--opacity', type=float, default=0.5, help='of overlays')
    parser.add_argument('--device', help='as in cuda:0; default: a GPU if there is one')
    add_loading_arguments(parser)
    return parser


def check(args: argparse.Namespace) -> None:
    if not Path(args.config).is_file() and '::' not in args.config:
        # A folder: the argument behind it is the first source.
        args.sources[:0] = [args.checkpoint] if args.checkpoint else []
        args.config, args.checkpoint = model_files(args.config)
    if not args.sources:
        raise ValueError(
            'SOURCE: found none, expected images behind a config and its checkpoint, '
            'or behind a folder that has both'
        )
    expect('--batch-size', args.batch_size, args.batch_size >= 1, '1 or more')
    expect('--opacity', args.opacity, 0 <= args.opacity <= 1, '0 to 1')
    check_folder('--out', args.out)


def batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    frames = iter(frames)
    while batch := list(islice(frames, size)):
        yield batch


def predict(args: argparse.Namespace) -> list[str]:
    """Predict all frames, and return the sources that could not be read."""
    sources = Sources(args.sources)
    config = load_config(args.config, args.cfg_options)
    predictor = Predictor(config, args.checkpoint, args.device)
    writer = PredictionWriter(args.out, args.save, args.opacity)
    unreadable = []
    frames = track(sources, 'Predicting', total=sources.count)
    try:
        for batch in batches(frames, args.batch_size):
            readable, images = [], []
            for frame in batch:
                try:
                    images.append(predictor.read(frame.image))
                    readable.append(frame)
                except UnreadableImageError:
                    unreadable.append(frame.source)
            predictions = predictor.predict_batch(images, 'uncertainty' in args.save)
            for frame, prediction in zip(readable, predictions, strict=True):
                writer.write(frame, prediction)
    except KeyboardInterrupt:
        print('Stopped; what is written stays.')
    finally:
        writer.close()
    return unreadable


def main(args: argparse.Namespace) -> None:
    check(args)
    unreadable = predict(args)
    print(f'Written to {args.out}')
    if unreadable:
        print(f'error: {len(unreadable)} could not be read:', file=sys.stderr)
        for source in unreadable:
            print(f'  {source}', file=sys.stderr)
        raise SystemExit(1)


if __name__ == '__main__':
    run_tool(make_parser(), main)
