"""Write edges of images as a second modality: python .../edges.py IMAGES OUT"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from mmseg_coop.command_line import run_tool
from mmseg_coop.command_line.sources import is_image
from mmseg_coop.datasets.convert import convert_files, list_files


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Write the strength of the edges of each image as a grey PNG, to '
        'try networks with different inputs where there is no depth or infrared'
    )
    parser.add_argument('images', type=Path, help='folder, as in data/camvid/img_dir')
    parser.add_argument('out', type=Path, help='folder, as in data/camvid/edge_dir')
    return parser


def edges(source: Path) -> np.ndarray:
    """Norm of the gradient (Sobel) of an image in grey, (H, W), uint8."""
    image = cv2.imread(str(source))
    if image is None:
        raise ValueError('it can not be read as an image')
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    x, y = (cv2.Sobel(gray, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.clip(np.hypot(x, y) / 4, 0, 255).astype(np.uint8)


def main(args: argparse.Namespace) -> None:
    files = sorted(filter(is_image, list_files(args.images)))
    if not files:
        raise FileNotFoundError(f'{args.images}: there are no images')
    names = [file.relative_to(args.images).with_suffix('.png') for file in files]
    pairs = [(file, args.out / name) for file, name in zip(files, names, strict=True)]
    convert_files(edges, pairs)
    print(f'Written to {args.out}: {len(files)} images')


if __name__ == '__main__':
    run_tool(make_parser(), main)
