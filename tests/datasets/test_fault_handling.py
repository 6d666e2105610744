import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from mmseg_coop.datasets import DataFault, SeededDataset, recognise_faults
from mmseg_coop.datasets.checked_loading import (
    LoadCheckedAnnotations,
    LoadCheckedImage,
)
from mmseg_coop.datasets.seeded_loading import Draw

from helpers.street_files import camvid_config, image, make_files, truncate


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Four images to train, of which the second is cut off."""
    root = make_files(tmp_path_factory.mktemp('files'))
    truncate(image(root, 'train', 1))
    return root


def train_set(root, skip=False):
    dataset = DATASETS.build(camvid_config(root).train_dataloader.dataset)
    recognise_faults(dataset, skip)
    return dataset


def steps(dataset):
    return dataset.pipeline.transforms


def test_loaders_know_the_classes(files):
    leaf = camvid_config(files).val_dataloader.dataset
    other = dict(leaf, ignore_index=255, metainfo=dict(classes=['sky']))
    other['pipeline'] = [dict(type=LoadImageFromFile), dict(type=LoadAnnotations)]
    dataset = DATASETS.build(dict(type='ConcatDataset', datasets=[leaf, leaf]))
    for inner in dataset.datasets:
        plain = {type(step) for step in steps(inner)}
        assert {LoadImageFromFile, LoadAnnotations} <= plain
    recognise_faults(SeededDataset(dataset))
    # A second time changes nothing.
    recognise_faults(dataset)
    for inner in dataset.datasets:
        kinds = [type(step) for step in steps(inner)]
        assert kinds[0] is LoadCheckedImage and kinds[2] is LoadCheckedAnnotations
        assert (steps(inner)[2].num_classes, steps(inner)[2].ignore_index) == (11, 255)
    chosen = DATASETS.build(other)
    plain = chosen[0]
    recognise_faults(chosen)
    assert (steps(chosen)[1].num_classes, steps(chosen)[1].ignore_index) == (1, 255)
    # The same is loaded.
    assert (chosen[0]['gt_seg_map'] == plain['gt_seg_map']).all()
    assert (chosen[0]['img'] == plain['img']).all()


def test_loaders_within_other_steps_and_loaders_of_ones_own(files):
    class OwnLoader(LoadAnnotations):
        pass

    config = camvid_config(files)
    tta = config.tta_pipeline
    tta[1].transforms[2].append(dict(type=OwnLoader))
    config.test_dataloader.dataset.pipeline = tta
    dataset = DATASETS.build(config.test_dataloader.dataset)
    recognise_faults(dataset)
    assert type(steps(dataset)[0]) is LoadCheckedImage
    found = [inner.transforms[2] for inner in steps(dataset)[1].subroutines]
    # Test-time augmentation takes each of its loaders in turn.
    assert {type(loader) for loader in found} == {LoadCheckedAnnotations, OwnLoader}
    for loader in found:
        assert getattr(loader, 'num_classes', 11) == 11


@pytest.mark.parametrize('workers', [0, 1])
def test_stop_names_the_file_in_one_line(files, workers):
    loader = DataLoader(
        train_set(files), num_workers=workers, collate_fn=pseudo_collate
    )
    with pytest.raises(DataFault) as error:
        list(loader)
    assert str(error.value).startswith(f'{files}/img_dir/train/1.jpg: is truncated')
    assert '\n' not in str(error.value)


def test_skip_takes_another_and_names_the_file_once(files, logged):
    dataset = train_set(files, skip=True)
    assert len(dataset) == 4
    assert len(dataset.metainfo['classes']) == 11
    for _ in range(2):
        assert dataset[1]['data_samples'].img_path != f'{files}/img_dir/train/1.jpg'
    (line,) = (text for text in logged if 'Skipped' in text)
    assert line.startswith(f'Skipped: {files}/img_dir/train/1.jpg: is truncated')


def skip_in_the_second(rank, root, folder):
    store = dist.FileStore(str(folder / 'store'), 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    MMLogger.get_instance(f'skip-{rank}')
    if rank == 1:
        train_set(root, skip=True)[1]
    dist.barrier()


@pytest.mark.skipif('fork' not in mp.get_all_start_methods(), reason='needs fork')
def test_skip_names_the_file_in_any_process(files, tmp_path, capfd):
    mp.start_processes(skip_in_the_second, (files, tmp_path), 2, start_method='fork')
    assert capfd.readouterr().out.count('train/1.jpg: is truncated') == 1


def test_nothing_is_left_to_take(tmp_path):
    root = make_files(tmp_path)
    for number in range(4):
        truncate(image(root, 'train', number))
    with pytest.raises(DataFault, match=r'no image is left; the last fault: .*truncat'):
        train_set(root, skip=True)[0]


def test_which_one_it_takes_is_seeded(files):
    dataset = SeededDataset(train_set(files, skip=True))
    found = [
        dataset[Draw(1, seed)]['data_samples'].img_path for seed in [*range(9)] * 2
    ]
    assert found[:9] == found[9:] and len(set(found)) == 3
