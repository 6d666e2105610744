import shutil

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_coop.datasets import DataFault
from mmseg_coop.datasets.checked_loading import (
    LoadCheckedAnnotations,
    LoadCheckedImage,
)

from helpers.street_files import image, label, make_files, set_pixels, truncate


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp('files'), train=1, val=0)


def load(root, load_image, load_label, label_map=None, reduce_zero=False):
    results = dict(
        img_path=str(image(root, 'train', 0)),
        seg_map_path=str(label(root, 'train', 0)),
        label_map=label_map,
        reduce_zero_label=reduce_zero,
        seg_fields=[],
    )
    return load_label(load_image(results))


def checked(root, reduce_zero_label=None, **options):
    load_label = LoadCheckedAnnotations(reduce_zero_label=reduce_zero_label)
    load_label.num_classes = 11
    return load(root, LoadCheckedImage(), load_label, **options)


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(reduce_zero=True),
        dict(label_map={0: 255, 1: 0, 2: 1, 3: 1, 4: 0, 5: 255, 6: 0, 7: 1}),
    ],
)
def test_whole_files_are_loaded_as_mmsegmentation_does(files, options):
    found = checked(files, **options)
    expected = load(files, LoadImageFromFile(), LoadAnnotations(), **options)
    assert found.keys() == expected.keys()
    for key in ('img', 'gt_seg_map'):
        np.testing.assert_array_equal(found[key], expected[key])


def save_label(root, values):
    # PNG has no floats; what a file is stands in its content.
    kind = 'tiff' if values.dtype == np.float32 else 'png'
    Image.fromarray(values).save(label(root, 'train', 0), kind)


BREAK = {
    'truncated image': (
        lambda root: truncate(image(root, 'train', 0)),
        '0.jpg: is truncated',
    ),
    'truncated label': (
        lambda root: truncate(label(root, 'train', 0)),
        '0.png: can not be read',
    ),
    'missing image': (
        lambda root: image(root, 'train', 0).unlink(),
        '0.jpg: can not be read .FileNotFoundError',
    ),
    'missing label': (
        lambda root: label(root, 'train', 0).unlink(),
        '0.png: can not be read .FileNotFoundError',
    ),
    'text for an image': (
        lambda root: image(root, 'train', 0).write_text('<html>not found</html>'),
        '0.jpg: can not be decoded as an image',
    ),
    'text for a label': (
        lambda root: label(root, 'train', 0).write_text('<html>not found</html>'),
        '0.png: can not be decoded as an image .UnidentifiedImageError',
    ),
    'colours': (
        lambda root: save_label(root, np.zeros((48, 64, 3), np.uint8)),
        r'0.png: found a label of shape .48, 64, 3., expected .H, W.: one channel',
    ),
    '16 bits': (
        lambda root: save_label(root, np.full((48, 64), 26001, np.uint16)),
        '0.png: found 26001, expected a label of whole numbers from 0 to 255',
    ),
    'soft edges': (
        lambda root: save_label(root, np.full((48, 64), 2.5, np.float32)),
        '0.png: found 2.5, expected a label of whole numbers',
    ),
    'no numbers': (
        lambda root: save_label(root, np.full((48, 64), np.nan, np.float32)),
        '0.png: found nan, expected a label of whole numbers',
    ),
    'another size': (
        lambda root: save_label(root, np.zeros((24, 32), np.uint8)),
        '0.png: found a label of 24x32 for an image of 48x64',
    ),
    'no class': (
        lambda root: set_pixels(label(root, 'train', 0), 11, 5),
        r'0.png: found labels 11 .5 pixels., expected classes 0 to 10 or 255',
    ),
}


@pytest.mark.parametrize('name', BREAK)
def test_wrong_files_are_named(name, files, tmp_path):
    damage, message = BREAK[name]
    root = shutil.copytree(files, tmp_path / 'files')
    damage(root)
    with pytest.raises(DataFault, match=message) as error:
        checked(root)
    assert str(error.value).startswith(str(root))
    assert '\n' not in str(error.value)


def test_16_bits_with_values_of_8_are_right(files, tmp_path):
    root = shutil.copytree(files, tmp_path / 'files')
    save_label(root, np.full((48, 64), 10, np.uint16))
    assert (checked(root)['gt_seg_map'] == 10).all()


def test_an_image_that_may_be_missing(files, tmp_path):
    step = LoadCheckedImage(ignore_empty=True)
    assert step(dict(img_path=str(tmp_path / 'nowhere.jpg'))) is None


def test_what_is_wrong_with_the_config_is_no_fault_of_the_file(files):
    with pytest.raises(AssertionError, match='reduce_zero_label'):
        checked(files, reduce_zero=True, reduce_zero_label=False)
