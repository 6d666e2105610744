import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_coop.datasets import check_dataset_folders, check_num_classes

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'


def load(name: str, **options) -> Config:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    config.merge_from_dict(options)
    return config


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'danet_r101_same_cityscapes',
            'train_dataloader.dataset.data_prefix.img_path: CityscapesDataset expects '
            'files .*leftImg8bit.png in data/cityscapes/leftImg8bit/train, where there '
            'are none; get .* '
            'tools/dataset_converters/cityscapes.py',
        ),
        (
            'danet_r101_same_voc2012',
            r'train_dataloader.dataset.datasets\[0\].data_prefix.img_path: '
            'PascalVOCDataset expects files .*jpg in data/VOCdevkit/VOC2012/JPEGImages',
        ),
        (
            'danet_r18_same_camvid',
            'CamVidDataset expects .* data/camvid/img_dir/train, .* or point data_root '
            "at your copy .found 'data/camvid/'",
        ),
    ],
)
def test_missing_folder(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=message) as error:
        check_dataset_folders(load(name))
    assert '\n' not in str(error.value)


def test_missing_list(tmp_path):
    for name in ('JPEGImages', 'SegmentationClass', 'SegmentationClassAug'):
        (tmp_path / name).mkdir()
        (tmp_path / name / ('a.jpg' if name == 'JPEGImages' else 'a.png')).touch()
    config = load('danet_r101_same_voc2012')
    for dataset in config.train_dataloader.dataset.datasets:
        dataset.data_root = str(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'datasets\[0\].ann_file: .*train.txt'):
        check_dataset_folders(config)


def test_missing_root_without_prefix(tmp_path):
    root = str(tmp_path / 'nowhere')
    for kind, hint in (('CamVidDataset', 'camvid.py'), ('Other', 'docs/datasets.md')):
        dataset = dict(type=kind, data_root=root)
        wrapped = dict(type='RepeatDataset', times=2, dataset=dataset)
        config = Config(dict(train_dataloader=dict(dataset=wrapped)))
        key = 'train_dataloader.dataset.dataset.data_root'
        message = f'{key}: {kind} .* there are none; .*{hint}'
        with pytest.raises(FileNotFoundError, match=message):
            check_dataset_folders(config)


def test_labels_that_are_not_converted(tmp_path, drawn_cityscapes):
    shutil.copytree(drawn_cityscapes, tmp_path, dirs_exist_ok=True)
    config = load('danet_r101_same_cityscapes')
    for key in ('train', 'val', 'test'):
        config[f'{key}_dataloader'].dataset.data_root = str(tmp_path)
    check_dataset_folders(config)
    for path in tmp_path.rglob('val/*/*_labelTrainIds.png'):
        path.unlink()
    message = (
        r'val_dataloader.dataset.data_prefix.seg_map_path: CityscapesDataset expects '
        r'files \*_gtFine_labelTrainIds.png in .*/gtFine/val, where .*; get .* '
        r'tools/dataset_converters/cityscapes.py'
    )
    with pytest.raises(FileNotFoundError, match=message):
        check_dataset_folders(config)


def test_data_that_are_there(cityscapes_root):
    config = load('danet_r101_same_cityscapes')
    for key in ('train', 'val', 'test'):
        config[f'{key}_dataloader'].dataset.data_root = str(cityscapes_root)
    check_dataset_folders(config)
    check_dataset_folders(load('danet_r18_same_toy'))


def test_class_counts():
    for name in ('danet_r101_same_voc2012', 'deeplabv3plus_r18_single_toy'):
        check_num_classes(load(name))
    message = (
        r'model.decode_head.num_classes: found 19, but CamVidDataset '
        r'\(train_dataloader.dataset\) has 11 classes; set num_classes=11'
    )
    config = load('danet_r18_same_camvid', **{'model.decode_head.num_classes': 19})
    with pytest.raises(ValueError, match=message):
        check_num_classes(config)
    config = load('danet_r18_same_camvid')
    heads = [dict(config.model.auxiliary_head, num_classes=n) for n in (11, 12)]
    config.model.auxiliary_head = heads
    with pytest.raises(ValueError, match=r'model.auxiliary_head\[1\].num_classes'):
        check_num_classes(config)
    # As of a CascadeEncoderDecoder.
    config = load('danet_r18_same_camvid')
    heads = [dict(config.model.decode_head, num_classes=n) for n in (12, 11)]
    config.model.decode_head = heads
    with pytest.raises(ValueError, match=r'model.decode_head\[0\].num_classes'):
        check_num_classes(config)


def test_a_test_does_not_read_the_classes_of_the_training_set():
    config = load('danet_r18_same_camvid')
    config.train_dataloader.dataset.metainfo = dict(classes=('road', 'car'))
    check_num_classes(config, ['test_dataloader'])
    with pytest.raises(ValueError, match='train_dataloader.dataset. has 2 classes'):
        check_num_classes(config)


def test_a_head_for_boundaries_has_classes_of_its_own():
    config = load('danet_r18_same_camvid')
    boundaries = dict(type='STDCHead', num_classes=2, boundary_threshold=0.1)
    config.model.auxiliary_head = [config.model.auxiliary_head, boundaries]
    check_num_classes(config)


def test_class_counts_follow_metainfo_and_test_time_augmentation():
    config = load('danet_r18_same_camvid')
    for key in ('train', 'val', 'test'):
        config[f'{key}_dataloader'].dataset.metainfo = dict(classes=('road', 'car'))
    with pytest.raises(ValueError, match='has 2 classes'):
        check_num_classes(config)
    config = load('danet_r18_same_camvid', **{'model.decode_head.num_classes': 19})
    config.model = dict(type='SegTTAModel', module=config.model)
    with pytest.raises(ValueError, match='found 19'):
        check_num_classes(config)
