import itertools
import pickle
import random

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Dataset

from mmseg_coop.datasets import DrawSampler, SeededDataset
from mmseg_coop.datasets.seeded_loading import derive_seed


class Noise(Dataset):
    metainfo = 'of the dataset'

    def __len__(self):
        return 7

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def take(sampler, count):
    return list(itertools.islice(sampler, count))


def load(position, count, workers):
    sampler = DrawSampler(Noise(), seed=1)
    sampler.start_at(position, seed=5)
    loader = DataLoader(
        SeededDataset(Noise()), 2, sampler=sampler, num_workers=workers, collate_fn=list
    )
    return list(itertools.chain(*itertools.islice(loader, count)))


def test_order_is_that_of_mmengine():
    expected = take(InfiniteSampler(Noise(), seed=5), 30)
    sampler = DrawSampler(Noise(), seed=5)
    assert [draw.index for draw in take(sampler, 30)] == expected
    sampler.start_at(11, seed=5)
    assert [draw.index for draw in take(sampler, 19)] == expected[11:]


def test_samples_depend_on_their_position_alone():
    whole = load(0, 12, workers=0)
    assert len({sample[1:] for sample in whole}) == 24
    random.seed(3)
    assert load(8, 8, workers=2) == whole[8:]
    assert load(8, 8, workers=3) == whole[8:]


def test_seeds_of_ranks_purposes_and_positions_are_distinct():
    seeds = {
        derive_seed(0, purpose, rank, position)
        for purpose in ('sample', 'iteration')
        for rank in range(4)
        for position in range(100)
    }
    assert len(seeds) == 800


def test_everything_else_is_the_datasets_own():
    dataset = pickle.loads(pickle.dumps(SeededDataset(Noise())))
    assert len(dataset) == 7
    assert dataset.metainfo == Noise.metainfo
    assert not hasattr(dataset, 'full_init')
    random.seed(0)
    expected = random.random()
    random.seed(0)
    assert dataset[3][:2] == (3, expected)
