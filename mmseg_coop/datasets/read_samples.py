"""Read every image and label of a dataset, and collect their faults."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from mmengine import fileio
from mmseg.datasets import BaseSegDataset
from torch.utils.data import DataLoader, Dataset

from .checked_loading import LoadCheckedAnnotations, LoadCheckedImage
from .file_faults import DataFault, histogram


@dataclass(frozen=True)
class Sample:
    """Findings of an image and its label, and the paths of both.

    Attributes:
        counts: Pixels of each value of the label, (256,), if it could be read.
        digest: Hash of the pixels of the image, if it could be read.
    """

    image: str
    label: str | None
    faults: tuple[str, ...]
    counts: np.ndarray | None
    digest: bytes | None


def read_samples(dataset: BaseSegDataset, workers: int) -> Iterator[Sample]:
    """Read all images and labels of a dataset after ``recognise_faults``, in order."""
    yield from DataLoader(_Samples(dataset), batch_size=None, num_workers=workers)


def stray_labels(dataset: BaseSegDataset, known: set[str]) -> list[str]:
    """List labels in a dataset's folder that are not those of its images.

    It lists none if the dataset is a part of the folder, by a list of names or indices.
    """
    folder = dataset.data_prefix.get('seg_map_path')
    suffix = getattr(dataset, 'seg_map_suffix', None)
    if not folder or not suffix or dataset.ann_file or dataset._indices is not None:
        return []
    backend = dataset.backend_args
    found = fileio.list_dir_or_file(
        folder, False, suffix=suffix, recursive=True, backend_args=backend
    )
    paths = (fileio.join_path(folder, name, backend_args=backend) for name in found)
    return sorted(path for path in paths if path not in known)


class _Samples(Dataset):
    def __init__(self, dataset: BaseSegDataset):
        self.dataset = dataset
        steps = dataset.pipeline.transforms
        self.load_image, self.load_label = (
            next((step for step in steps if isinstance(step, kind)), None)
            for kind in (LoadCheckedImage, LoadCheckedAnnotations)
        )

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Sample:
        info = self.dataset.get_data_info(i)
        image_path = info['img_path']
        faults = []
        if 'img' not in info:
            # The pipeline has a custom loader: check its files with this one.
            _note(faults, self.load_image or LoadCheckedImage(), info)
        if self.load_label is not None:
            _note(faults, self.load_label, info)
        label = info.get('gt_seg_map')
        countable = label is not None and label.ndim == 2
        image = info.get('img')
        return Sample(
            image=image_path,
            label=info.get('seg_map_path'),
            faults=tuple(faults),
            counts=histogram(label) if countable else None,
            digest=None if image is None else _digest(image),
        )


def _note(faults: list[str], load: Callable[[dict], dict], info: dict) -> None:
    try:
        load(info)
    except DataFault as fault:
        faults.append(str(fault))


def _digest(image: np.ndarray) -> bytes:
    code = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    code.update(np.ascontiguousarray(image))
    return code.digest()
