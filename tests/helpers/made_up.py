"""Results of runs that were never trained, for tests of comparisons."""

from pathlib import Path

import numpy as np

from mmseg_coop.evaluation.results import Results

CLASSES = ['road', 'car', 'bus']


def make_results(quality: float, method: str = 'single', seed: int = 0, **changes):
    """Results with so large a share of right pixels; ``bus`` does not occur."""
    labelled = np.tile([900, 100, 0], (20, 1))
    labelled += np.random.default_rng(0).integers(0, 50, (20, 1))
    labelled[:, 2] = 0
    generator = np.random.default_rng(seed)
    share = np.clip(quality + generator.normal(0, 0.02, (20, 3)), 0, 1)
    right = (labelled * share).astype(int)
    wrong = labelled - right
    # What is wrong is taken for the other class.
    predicted = right + wrong[:, [1, 0, 2]]
    areas = np.stack([right, predicted, labelled], axis=1)
    meta = dict(
        name=f'danet_r18_{method}_camvid',
        config=f'danet_r18_{method}_camvid.py',
        network='DANet',
        method=method,
        dataset='CamVidDataset',
        seed=seed,
        iteration=276,
        checkpoint=None,
    )
    options = dict(
        classes=list(CLASSES),
        palette=[[128, 64, 128], [0, 0, 142], [0, 60, 100]],
        images=[f'img/{i}.png' for i in range(20)],
        configured='prediction',
        areas={'prediction': areas},
    )
    meta |= changes.pop('meta', {})
    return Results(**{**options, 'meta': meta, **changes})


def save_run(folder: Path, results: Results, name: str = 'test') -> Path:
    """A work dir with results."""
    results.save(folder / 'results' / f'{name}.npz')
    return folder
