"""Add the annotations of SBD to PASCAL VOC 2012: the "aug" training set.

python tools/dataset_converters/voc_aug.py data/VOCdevkit data/VOCdevkit/VOCaug
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from mmseg_coop.command_line import run_tool
from mmseg_coop.datasets.convert import convert_files, find_files

# Section 4.1.2 of the paper, and every work with this training set.
_TRAIN_IMAGES = 10582


def label(source: Path) -> np.ndarray:
    return loadmat(source, mat_dtype=True)['GTcls'][0]['Segmentation'][0]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('devkit', type=Path, help='folder with VOC2012 in it')
    parser.add_argument('sbd', type=Path, help='folder with dataset/cls/*.mat in it')
    parser.add_argument('--nproc', type=int, default=1, help='number of processes')
    return parser


def main(args: argparse.Namespace) -> None:
    voc = args.devkit / 'VOC2012'
    lists = voc / 'ImageSets' / 'Segmentation'
    train, val = ((lists / f'{n}.txt').read_text().split() for n in ('train', 'val'))
    sources = find_files(
        args.sbd / 'dataset' / 'cls', '*.mat', "SBD's annotations (benchmark.tgz)"
    )
    folder = voc / 'SegmentationClassAug'
    pairs = [(s, folder / f'{s.stem}.png') for s in sources]
    convert_files(label, pairs, args.nproc)

    # VOC's own annotations are used for its training images, and nothing of its
    # validation set is trained on.
    aug = sorted({s.stem for s in sources} - set(train) - set(val))
    (lists / 'aug.txt').write_text('\n'.join(aug) + '\n')
    print(
        f'{lists / "aug.txt"}: {len(aug)} images, {len(train) + len(aug)} with '
        f'train.txt; the whole training set has {_TRAIN_IMAGES}'
    )


if __name__ == '__main__':
    run_tool(make_parser(), main)
