import shutil

import pytest
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from mmseg_coop.datasets import DataFault, apply_data_policy

from street_files import CONFIGS, camvid_config, image, make_files, truncate


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Four images to train, of which the second is cut off."""
    root = make_files(tmp_path_factory.mktemp('files'))
    truncate(image(root, 'train', 1))
    return root


def types(pipeline):
    return [step['type'] for step in pipeline]


def train_set(root, policy):
    config = camvid_config(root)
    apply_data_policy(config, policy)
    return DATASETS.build(config.train_dataloader.dataset)


def test_loaders_know_the_classes():
    config = Config.fromfile(CONFIGS / 'danet_r101_single_voc2012.py')
    config.tta_pipeline[1] = dict(type=LoadAnnotations)
    config.test_dataloader.dataset.update(
        pipeline=config.tta_pipeline, ignore_index=254, metainfo=dict(classes=['a'])
    )
    apply_data_policy(config)
    pipelines = [leaf.pipeline for leaf in config.train_dataloader.dataset.datasets]
    for pipeline in (*pipelines, config.val_dataloader.dataset.pipeline):
        assert types(pipeline)[:2] == ['LoadCheckedImage', 'LoadCheckedAnnotations']
        assert pipeline[1].num_classes == 21
        assert pipeline[1].ignore_index == 255
    step = config.test_dataloader.dataset.pipeline[1]
    assert step == dict(type='LoadCheckedAnnotations', num_classes=1, ignore_index=254)


def test_loaders_within_other_steps_and_loaders_of_ones_own():
    config = Config.fromfile(CONFIGS / 'danet_r18_single_camvid.py')
    dataset = config.test_dataloader.dataset
    dataset.pipeline = [dict(type='LoadImageFromNDArray'), *config.tta_pipeline[1:]]
    apply_data_policy(config)
    assert types(dataset.pipeline) == ['LoadImageFromNDArray', 'TestTimeAug']
    inner = dataset.pipeline[1].transforms[2][0]
    assert (inner.type, inner.num_classes) == ('LoadCheckedAnnotations', 11)


def test_policies(files):
    config = camvid_config(files)
    before = config.pretty_text
    apply_data_policy(config, 'off')
    assert config.pretty_text == before
    message = "data_faults: found 'ignore', expected one of stop, skip, off"
    with pytest.raises(ValueError, match=message):
        apply_data_policy(config, 'ignore')


@pytest.mark.parametrize('workers', [0, 1])
def test_stop_names_the_file_in_one_line(files, workers):
    loader = DataLoader(
        train_set(files, 'stop'), num_workers=workers, collate_fn=pseudo_collate
    )
    with pytest.raises(DataFault) as error:
        list(loader)
    assert str(error.value).startswith(f'{files}/img_dir/train/1.jpg: is truncated')
    assert '\n' not in str(error.value)


def test_skip_takes_the_next_and_notes_it(files):
    dataset = train_set(files, 'skip')
    assert len(dataset) == 4
    assert len(dataset.metainfo['classes']) == 11
    sample, whole = dataset[1]['data_samples'], dataset[2]['data_samples']
    assert sample.img_path == whole.img_path == f'{files}/img_dir/train/2.jpg'
    (note,) = sample.skipped
    assert note.startswith(f'{files}/img_dir/train/1.jpg: is truncated')
    assert 'skipped' not in whole


def test_skip_ends_where_nothing_is_left(files, tmp_path):
    root = shutil.copytree(files, tmp_path / 'files')
    for i in (0, 2, 3):
        truncate(image(root, 'train', i))
    with pytest.raises(DataFault, match='no image to train on is left; .*3.jpg: is'):
        train_set(root, 'skip')[3]
