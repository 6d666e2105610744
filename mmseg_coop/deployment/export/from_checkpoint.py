"""Export the model of a config and a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS
from torch import Tensor

from ...apis.predict import Predictor
from ...datasets import check_dataset_folders
from ...version import __version__
from .export import Exported, Options, export_model


def export_checkpoint(
    config: Config,
    checkpoint: str,
    out: Path,
    options: Options,
    images: Sequence[str] = (),
) -> Exported:
    """Export the model of a config and a checkpoint to one file.

    Args:
        config: Config of a cooperative model or any other ``EncoderDecoder``.
        checkpoint: File or URL of the checkpoint.
        out: The file.
        options: Options of the export.
        images: Image files on which the exported model is compared with PyTorch.
            Default: the first three images of the config's test data.

    Raises:
        FileNotFoundError: If a file or the test data are missing.
        ValueError: If the checkpoint does not fit the config, the model can't be
            exported, or it gives other results than PyTorch.
        OSError: If the file can't be written.
    """
    options.check(out)
    predictor = Predictor(config, checkpoint, 'cpu')
    loaded = (
        [predictor.pipeline(predictor.read(image))['inputs'] for image in images]
        if images
        else test_images(config)
    )
    metadata = dict(
        classes=predictor.classes,
        palette=predictor.palette[: len(predictor.classes)].tolist(),
        config=Path(config.filename).name if config.filename else None,
        preprocessing='inside'
        if options.preprocess
        else str(config.model.get('data_preprocessor')),
        mmseg_coop=__version__,
    )
    return export_model(predictor.model, loaded, out, options, metadata)


def test_images(config: Config) -> list[Tensor]:
    """Load the first three images of a config's test data by its pipeline, (C, H, W).

    Raises:
        FileNotFoundError: If there are none.
    """
    check_dataset_folders(dict(test_dataloader=config.test_dataloader))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    return [dataset[i]['inputs'] for i in range(min(3, len(dataset)))]
