"""A second modality on real files: edges of CamVid's images, or of drawn ones."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS

from mmseg_coop.datasets import DataFault, LoadModality

from helpers.street_files import CONFIGS, image, make_files

REPO = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def root(tmp_path_factory, python) -> Path:
    """Drawn scenes in CamVid's layout, with their edges."""
    return with_edges(make_files(tmp_path_factory.mktemp('streets')), python)


@pytest.fixture(scope='module')
def real_root(tmp_path_factory, camvid_root, python) -> Path:
    """Two images of each split of CamVid, with their edges."""
    copy = tmp_path_factory.mktemp('camvid_edges')
    for split in ('train', 'val'):
        for file in sorted((camvid_root / 'img_dir' / split).iterdir())[:2]:
            for folder, suffix in (('img_dir', '.jpg'), ('ann_dir', '.png')):
                target = copy / folder / split / f'{file.stem}{suffix}'
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(camvid_root / target.relative_to(copy), target)
    return with_edges(copy, python)


def with_edges(root: Path, python: str) -> Path:
    tool = REPO / 'tools' / 'dataset_converters' / 'edges.py'
    command = [python, str(tool), str(root / 'img_dir'), str(root / 'edge_dir')]
    env = {'PYTHONPATH': str(REPO), 'PATH': ''}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return root


def load(root: Path, split: str, i: int = 0, **options) -> dict:
    options = {'replace': ('img_dir', 'edge_dir'), 'suffix': '.png', **options}
    steps = Compose([dict(type='LoadImageFromFile'), LoadModality(**options)])
    return steps(dict(img_path=str(image(root, split, i))))


def test_a_missing_file_leaves_the_sample_out_if_wanted(root):
    assert load(root, 'train', suffix='.tif', ignore_empty=True) is None


def test_the_channels_of_the_second_file_follow_the_images(root):
    found = load(root, 'train')['img']
    path = image(root, 'train', 0)
    edges = cv2.imread(str(root / 'edge_dir' / 'train' / '0.png'), cv2.IMREAD_GRAYSCALE)
    assert found.dtype == np.uint8 and found.shape == (*edges.shape, 4)
    assert np.array_equal(found[..., :3], cv2.imread(str(path)))
    assert np.array_equal(found[..., 3], edges) and edges.any()
    assert load(root, 'train', color_type='color')['img'].shape[2] == 6


def test_sixteen_bits_stay(root):
    depth = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) + 10_000
    path = root / 'depth_dir' / 'train' / '0.png'
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), depth)
    options = dict(replace=('img_dir', 'depth_dir'), color_type='unchanged')
    found = load(root, 'train', **options)
    packed = Compose([dict(type='PackSegInputs')])(found)['inputs']
    assert np.array_equal(packed[3].float().numpy(), depth)
    found = load(root, 'train', **options, to_float32=True)['img']
    assert found.dtype == np.float32 and np.array_equal(found[..., 3], depth)


def test_the_file_that_is_at_fault_is_named(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / 'copy')
    edges = copy / 'edge_dir' / 'train'
    (edges / '0.png').unlink()
    (edges / '1.png').write_bytes((edges / '1.png').read_bytes()[:50])
    cv2.imwrite(str(edges / '2.png'), np.zeros((10, 12), np.uint8))
    messages = [
        r'edge_dir/train/0.png: can not be read .FileNotFoundError',
        r'edge_dir/train/1.png: can not be read',
        r'edge_dir/train/2.png: found 10 x 12 pixels, but its image .*/train/2.j',
    ]
    for i, message in enumerate(messages):
        with pytest.raises(DataFault, match=message):
            load(copy, 'train', i)


def test_wrong_options():
    step = LoadModality(('img_dir', 'edge_dir'))
    assert step.path_of('/img_dir/img_dir/a.b/c.jpg') == '/img_dir/edge_dir/a.b/c.jpg'
    for path in ('', 'images/a.jpg'):
        with pytest.raises(ValueError, match=f"image path '{path}' has no 'img_dir'"):
            step.path_of(path)


def test_training_and_testing_on_real_files(real_root):
    """The shipped config: its pipelines, its preprocessing, a step, a prediction."""
    config = Config.fromfile(CONFIGS / 'danet_r18_rgb_edges_same_camvid.py')
    init_default_scope('mmseg')
    model = MODELS.build(config.model)
    items = {}
    for name in ('train', 'test'):
        loader = config[f'{name}_dataloader']
        loader.dataset.data_root = str(real_root)
        for step in loader.dataset.pipeline:
            # Smaller images are padded later.
            if 'ratio_range' in step:
                step.ratio_range = (1.0, 1.0)
        dataset = DATASETS.build(loader.dataset)
        items[name] = [dataset[i] for i in range(len(dataset))]
    assert items['train'][0]['inputs'].shape == (4, 180, 240)
    data = model.data_preprocessor(pseudo_collate(items['train']), True)
    assert data['inputs'].shape == (2, 4, 180, 240)
    # Colours first, then edges, each with its own mean and deviation.
    raw = torch.stack([item['inputs'] for item in items['train']]).float()
    edges = (raw[:, 3:] - 16.5) / 28.4
    torch.testing.assert_close(model.image_of(data['inputs'], 'edges'), edges)
    mean, std = (torch.tensor(config.data_preprocessor[k][:3]) for k in ('mean', 'std'))
    colours = (raw[:, [2, 1, 0]] - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(model.image_of(data['inputs'], 'rgb'), colours)
    loss, _ = model.parse_losses(model.train()(**data, mode='loss'))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    with torch.no_grad():
        sample = model.eval().test_step(pseudo_collate(items['test'][:1]))[0]
    assert sample.pred_sem_seg.shape == sample.gt_sem_seg.shape
