"""Load checkpoints without running code that they contain."""

import os
import re
import zipfile
from collections.abc import Mapping
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from tarfile import is_tarfile
from typing import IO, Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.fileio import get_file_backend
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    _process_mmcls_checkpoint,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from . import allowed_globals
from .safetensors import SUFFIX, read_safetensors

_TRUST = 'MMSEG_COOP_TRUST_CHECKPOINT'
_HOW_TO_TRUST = 'If you trust where it comes from, pass --trust-checkpoint'
ZOOS = {
    'torchvision': get_torchvision_models,
    'modelzoo': get_torchvision_models,
    'open-mmlab': get_external_models,
    'openmmlab': get_external_models,
    'mmcls': get_mmcls_models,
}
# Replaces the config's text in a checkpoint, which MMEngine would execute.
_NO_CONFIG = (
    "raise ValueError('the config in a checkpoint is code, and is not executed: name "
    f"the config file. {_HOW_TO_TRUST} or set {_TRUST}=1')"
)


def enable_safe_loading() -> None:
    """Load all checkpoints of this process without running code in them.

    MMEngine's own loaders run any code in a checkpoint, with no more than a warning.
    The tools and ``Predictor`` call this, and so does importing
    ``mmseg_coop.checkpoints.safe``, as the configs do in ``custom_imports``. It applies
    to ``networks_init``, ``init_cfg``, ``load_from``, ``--resume`` and
    ``MMSegInferencer``.
    """
    zoos = tuple(f'{zoo}://' for zoo in ZOOS)
    for prefixes, load in (
        ('', load_from_local),
        (('http://', 'https://'), load_from_http),
        (zoos, load_from_zoo),
        ([r'(\S+\:)?s3://', r'(\S+\:)?petrel://'], load_from_ceph),
        ('pavi://', load_from_pavi),
    ):
        CheckpointLoader.register_scheme(prefixes, load, force=True)


def trust_checkpoints() -> None:
    """Allow checkpoints to run code, in this process and those that it starts."""
    os.environ[_TRUST] = '1'


def load_from_local(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Load a local checkpoint: MMEngine's loader for paths.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is damaged, or would run code when
            loaded; names the functions.
    """
    checkpoint = read_checkpoint(filename, map_location)
    _withhold_configs(checkpoint)
    return checkpoint


def read_checkpoint(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Read a checkpoint including the text of its config.

    MMEngine executes that text in some places: do not pass the checkpoint on to it.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'there is no checkpoint {filename}')
    if filename.endswith(SUFFIX):
        checkpoint = read_safetensors(path, map_location)
    else:
        with open(path, 'rb') as file:
            checkpoint = _load_pickle(file, filename, map_location)
    _check_layout(checkpoint, filename)
    return checkpoint


def load_from_http(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Download a checkpoint to PyTorch's cache, once, and load it like a local one.

    Raises:
        ValueError: If it can't be downloaded, or as for a local file.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(filename).path).name
    if is_main_process() and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path), progress=False)
        except OSError as error:
            raise ValueError(f'{filename} can not be downloaded ({error})') from None
    barrier()
    return load_from_local(str(path), map_location)


def load_from_zoo(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Load a model by its name, as in ``open-mmlab://resnet101_v1c``.

    Raises:
        ValueError: If there is no such name, or as for a URL.
    """
    zoo, name = filename.split('://', 1)
    urls = ZOOS[zoo]()
    name = get_deprecated_model_names().get(name, name)
    if name not in urls:
        near = get_close_matches(name, urls) or sorted(urls)[:3]
        raise ValueError(
            f'{filename}: no such model, expected one as {", ".join(near)}'
        )
    checkpoint = CheckpointLoader.load_checkpoint(urls[name], map_location, 'silent')
    return _process_mmcls_checkpoint(checkpoint) if zoo == 'mmcls' else checkpoint


def load_from_ceph(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Load a checkpoint from an object store, as for a local file."""
    backend = get_file_backend(filename, backend_args={'backend': 'petrel'})
    checkpoint = _load_pickle(BytesIO(backend.get(filename)), filename, map_location)
    _check_layout(checkpoint, filename)
    _withhold_configs(checkpoint)
    return checkpoint


def load_from_pavi(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Refuse a URL of Pavi, which only MMEngine's unsafe loader can read."""
    raise ValueError(f'{filename} is refused: download it, and name the file')


def _trusted() -> bool:
    return os.environ.get(_TRUST) == '1'


def _load_pickle(file: IO[bytes], filename: str, map_location: Any) -> Any:
    """Load a file that PyTorch has saved."""
    trusted = _trusted()
    try:
        # PyTorch before 2.6 runs code in tar files even with weights_only.
        if not trusted and is_tarfile(file):
            raise ValueError('a tar file')
        file.seek(0)
        if zipfile.is_zipfile(file) and (entry := wrong_checksum(file)):
            raise ValueError(f'the checksum of {entry} differs')
        file.seek(0)
        with allowed_globals.allowed():
            return torch.load(file, map_location, weights_only=not trusted)
    except Exception as error:
        # A damaged file makes PyTorch fail in many ways.
        raise ValueError(_reason(filename, file, error)) from None


def wrong_checksum(file: IO[bytes] | Path) -> str | None:
    """Find the first entry of a zip file whose checksum differs.

    It reads the whole file. PyTorch does not compare checksums, and loads flipped bits.
    """
    with zipfile.ZipFile(file) as archive:
        return archive.testzip()


def _reason(filename: str, file: IO[bytes], error: Exception) -> str:
    """Describe why PyTorch would not load a checkpoint."""
    refused = allowed_globals.refused(file, error)
    if refused:
        return (
            f'{filename} is refused: loading it would run {", ".join(refused)}. '
            f'{_HOW_TO_TRUST}'
        )
    if allowed_globals.too_old(error):
        return (
            f'{filename} is refused: it holds more than weights, which PyTorch '
            f'{torch.__version__} can not tell from harm; use PyTorch 2.6 or newer. '
            f'{_HOW_TO_TRUST}'
        )
    text = re.split(r'[.:]\s|\n', str(error))[0].strip() or type(error).__name__
    return (
        f'{filename} is no checkpoint, or not a complete one ({text}); expected a file '
        'that PyTorch has saved'
    )


def _check_layout(checkpoint: Any, filename: str) -> None:
    """Check that a file holds weights by name, or a checkpoint of MMEngine.

    Raises:
        ValueError: If it does not.
    """
    if not isinstance(checkpoint, Mapping):
        raise ValueError(
            f'{filename} holds a {type(checkpoint).__name__}, expected weights by name'
        )
    for key, kind in (('state_dict', 'weights by name'), ('meta', 'a dict')):
        found = checkpoint.get(key, {})
        if not isinstance(found, Mapping):
            raise ValueError(
                f'{filename}: {key} is a {type(found).__name__}, expected {kind}'
            )
    _check_classes(checkpoint.get('meta', {}).get('dataset_meta'), filename)
    for name in checkpoint.get('state_dict', checkpoint):
        if not isinstance(name, str):
            raise ValueError(f'{filename}: found {name!r} for the name of a weight')


def _check_classes(info: Any, filename: str) -> None:
    if info is None:
        return
    if not isinstance(info, Mapping):
        raise ValueError(
            f'{filename}: dataset_meta is a {type(info).__name__}, expected a dict'
        )
    classes = info.get('classes', ())
    if not isinstance(classes, list | tuple):
        raise ValueError(
            f'{filename}: dataset_meta: classes: found {classes!r}, expected a list'
        )


def _withhold_configs(checkpoint: Mapping[str, Any]) -> None:
    """Remove the config, which ``Runner.resume`` and inferencers would execute."""
    if _trusted():
        return
    meta = checkpoint.get('meta', {})
    if 'cfg' in meta:
        meta['cfg'] = _NO_CONFIG
    meta.pop('config', None)
    hub = checkpoint.get('message_hub')
    info = hub.get('runtime_info') if isinstance(hub, Mapping) else None
    if isinstance(info, Mapping):
        info.pop('cfg', None)
