"""Write Cityscapes' labels with the 19 classes that are trained and evaluated.

python tools/dataset_converters/cityscapes.py data/cityscapes
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_coop.command_line import run_tool
from mmseg_coop.datasets.convert import convert_files, find_files, replace_values

# The ids of Cityscapes' definition that count in its evaluation, in the order of
# ``CityscapesDataset``'s classes; all others are void.
_EVALUATED = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
_TRAIN_IDS = {label_id: i for i, label_id in enumerate(_EVALUATED)}


def label(source: Path) -> np.ndarray:
    return replace_values(np.array(Image.open(source)), _TRAIN_IDS)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder with gtFine in it')
    parser.add_argument('--nproc', type=int, default=1, help='number of processes')
    return parser


def main(args: argparse.Namespace) -> None:
    sources = find_files(
        args.root / 'gtFine', '*_labelIds.png', "Cityscapes' gtFine labels"
    )
    pairs = [
        (s, s.with_name(s.name.replace('_labelIds', '_labelTrainIds'))) for s in sources
    ]
    convert_files(label, pairs, args.nproc)


if __name__ == '__main__':
    run_tool(make_parser(), main)
