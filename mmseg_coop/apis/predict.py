"""Predict images with a trained model."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import CenterCrop, LoadAnnotations, LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmseg.datasets.transforms import LoadBiomedicalAnnotation
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..checkpoints.safe_load import enable_safe_loading
from ..config_types import use_scope
from ..datasets.config_checks import leaf_datasets
from ..evaluation.entropy import entropy_of
from ..models.checkpoint_weights import load_weights
from ..models.expect import expect
from ..models.finite import check_finite
from ..models.mean_of_probabilities import MEAN
from ..models.resolve import resolve
from ..palette import full_palette
from .images import ImageReader, displayed, loads_images
from .model_files import model_files
from .runner import load_config

# Steps of a pipeline that prediction leaves out.
_LABELS = (LoadAnnotations, LoadBiomedicalAnnotation)


@dataclass(frozen=True)
class Prediction:
    """Prediction of a model for an image.

    Attributes:
        image: The image for display, (H, W, 3) in BGR, uint8.
        label: Predicted classes, (H, W), int64.
        probabilities: Probabilities of the classes, (C, H, W), float32; of class 1 if
            the model has one output for two classes, (1, H, W).
        networks: Label map of each network, (H, W); empty unless requested.
        entropy: Entropy of the mean of the networks' probabilities as a share of the
            highest possible, (H, W), 0 to 1; None unless requested.
        classes: Names of the classes.
        palette: RGB colour of each class, (256, 3).
    """

    image: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray
    networks: dict[str, np.ndarray]
    entropy: np.ndarray | None
    classes: tuple[str, ...]
    palette: np.ndarray

    @property
    def disagreement(self) -> np.ndarray:
        """Pixels where the networks' label maps differ, (H, W), bool."""
        maps = list(self.networks.values())
        return np.any([other != maps[0] for other in maps[1:]], axis=0)

    def overlay(self, opacity: float = 0.5) -> np.ndarray:
        """The image with the classes' colours over it, (H, W, 3) in BGR, uint8."""
        colors = self.palette[self.label][..., ::-1]
        return cv2.addWeighted(
            self.image, 1 - opacity, np.ascontiguousarray(colors), opacity, 0
        )


class Predictor:
    """A trained model that predicts images.

    .. code:: python

        predictor = Predictor('config.py', 'checkpoint.pth')
        prediction = predictor('street.jpg')

    Images are read and processed by the config's ``test_pipeline``, as in
    MMSegmentation's ``inference_model``, or by the pipeline of its test dataset.

    Args:
        config: The config or its file, of a cooperative model or any other segmentor
            of MMSegmentation; or, without a checkpoint, a folder that has both: a work
            dir, or one written by publish, split or join.
        checkpoint: The checkpoint's file or URL.
        device: PyTorch's name of the device. Default: a GPU if there is one.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the checkpoint does not belong to the config.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | None = None,
        device: str | None = None,
    ):
        if checkpoint is None:
            config, checkpoint = model_files(config)
        if not isinstance(config, Config):
            config = load_config(str(config))
        use_scope(config)
        enable_safe_loading()
        self.device = _check_device(device or get_device())
        self.model = MODELS.build(deepcopy(config.model))
        meta = load_weights(self.model, checkpoint).get('meta', {})
        self.model.to(self.device).eval()
        dataset = _test_dataset(config)
        pipeline = config.get('test_pipeline') or dataset.pipeline
        steps = [TRANSFORMS.build(x) if isinstance(x, dict) else x for x in pipeline]
        steps = [step for step in steps if not isinstance(step, _LABELS)]
        load = steps.pop(0) if loads_images(steps[0]) else LoadImageFromFile()
        self.read = ImageReader(load)
        self.pipeline = Compose(steps)
        self.classes, self.palette = _classes(meta, dataset)

    def __call__(
        self, image: str | Path | np.ndarray, networks: bool = False
    ) -> Prediction:
        """Predict an image.

        Args:
            image, networks: As for :meth:`predict_batch`.
        """
        return self.predict_batch([image], networks)[0]

    @torch.no_grad()
    def predict_batch(
        self, images: Sequence[str | Path | np.ndarray | dict], networks: bool = False
    ) -> list[Prediction]:
        """Predict images; those that have one size after the pipeline form a batch.

        Args:
            images: Files, arrays as the config's loader returns them (by default
                (H, W, 3) in BGR, uint8), or results of ``read``; of any size.
            networks: Whether to give each network's label map, and the entropy.

        Raises:
            ValueError: If an image can't be read, a model with one network should give
                those of several, or logits are not finite.
        """
        if networks and not hasattr(self.model, 'plan'):
            raise ValueError(
                f'uncertainty: the model is a {type(self.model).__name__}, expected a '
                'CooperativeEncoderDecoder, whose networks can disagree'
            )
        images = [x if isinstance(x, dict) else self.read(x) for x in images]
        items = [self.pipeline(dict(image)) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, item in enumerate(items):
            groups.setdefault(tuple(item['inputs'].shape), []).append(i)
        predictions = {}
        for places in groups.values():
            done = self._networks([items[i] for i in places], networks)
            for place, i in enumerate(places):
                samples = {name: found[place] for name, found in done.items()}
                predictions[i] = self._prediction(images[i]['img'], samples)
        return [predictions[i] for i in range(len(images))]

    def _networks(
        self, items: list[dict], networks: bool
    ) -> dict[str, list[SegDataSample]]:
        """Predict a batch with each network; '' is the selected prediction."""
        model = self.model
        data = model.data_preprocessor(pseudo_collate(items), False)
        metas = [sample.metainfo for sample in data['data_samples']]
        if not networks:
            logits = {'': model.inference(data['inputs'], metas)}
        else:
            logits = model.all_logits(data['inputs'], metas)
            logits[''] = logits[model.predict_with]
        check_finite(logits, metas)

        def postprocess(x: Tensor) -> list[SegDataSample]:
            samples = [SegDataSample(metainfo=meta) for meta in metas]
            return model.postprocess_result(x, samples)

        return {name: postprocess(x) for name, x in logits.items()}

    def _prediction(
        self, image: np.ndarray, samples: dict[str, SegDataSample]
    ) -> Prediction:
        labels = {
            name: sample.pred_sem_seg.data[0].long().cpu().numpy()
            for name, sample in samples.items()
        }
        label = labels.pop('')
        labels.pop(MEAN, None)
        # The pipeline may have cropped the centre.
        crop = CenterCrop(crop_size=label.shape[::-1])
        return Prediction(
            image=crop(dict(img=displayed(image)))['img'],
            label=label,
            probabilities=_probabilities(samples['']).cpu().numpy(),
            networks=labels,
            entropy=_entropy(samples[MEAN]) if labels else None,
            classes=self.classes,
            palette=self.palette,
        )


def _check_device(device: str) -> str:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'device: {device!r} can not be used ({reason})') from None
    return device


def _probabilities(sample: SegDataSample) -> Tensor:
    """Probabilities (C, H, W); MMSegmentation computes those of one output."""
    logits = sample.seg_logits.data
    return logits if len(logits) == 1 else logits.softmax(0)


def _entropy(sample: SegDataSample) -> np.ndarray:
    return entropy_of(_probabilities(sample)[None])[0].cpu().numpy()


def _test_dataset(config: Config) -> Config:
    """The config of the test dataset, of several the first."""
    loader = config.get('test_dataloader')
    expect('test_dataloader', loader, bool(loader), 'the dataset, for its pipeline')
    return next(dataset for _, dataset in leaf_datasets(dict(test_dataloader=loader)))


def _classes(meta: dict, dataset: Config) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and colours of the classes, from the checkpoint or else the dataset."""
    info = dict(getattr(resolve(dataset.type, DATASETS), 'METAINFO', {}))
    info |= dataset.get('metainfo') or {}
    info |= meta.get('dataset_meta') or {}
    classes = tuple(info.get('classes', ()))
    # Without names the number of classes is unknown.
    return classes, full_palette(info.get('palette'), len(classes) or 256)
