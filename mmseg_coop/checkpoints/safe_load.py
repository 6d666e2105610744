"""Load checkpoints without running code that they contain."""

import hashlib
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tarfile import is_tarfile
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_loaders

from .allowed_globals import SELECTIVE, allowed
from .safetensors import SUFFIX, read_safetensors

# As in PyTorch's and OpenMMLab's resnet50-19c8e357.pth.
_HASHED = re.compile(r'[-_](?=\d*[a-f])[0-9a-f]{8,}\.')
_TRUST = 'MMSEG_COOP_TRUST_CHECKPOINT'
_HOW_TO_TRUST = 'If you trust where it comes from, pass --trust-checkpoint'
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
    for prefixes, load in (
        ('', load_from_local),
        (('http://', 'https://'), load_from_http),
        ([r'(\S+\:)?s3://', r'(\S+\:)?petrel://', 'pavi://'], _refuse),
    ):
        CheckpointLoader.register_scheme(prefixes, load, force=True)
    # MMEngine's loaders of model zoos look up a URL, and call this.
    mmengine_loaders.load_from_http = load_from_http


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
    if not _trusted():
        meta = checkpoint.get('meta', {})
        if 'cfg' in meta:
            meta['cfg'] = _NO_CONFIG
        meta.pop('config', None)
        checkpoint.get('message_hub', {}).get('runtime_info', {}).pop('cfg', None)
    return checkpoint


def read_checkpoint(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Read a checkpoint including the text of its config.

    MMEngine executes that text in some places: do not pass the checkpoint on to it.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'there is no checkpoint {filename}')
    read = read_safetensors if filename.endswith(SUFFIX) else _load_pickle
    checkpoint = read(path, map_location)
    parts = [checkpoint]
    if isinstance(checkpoint, Mapping):
        names = ('state_dict', 'meta', 'message_hub')
        parts += [checkpoint.get(name, {}) for name in names]
    for part in parts:
        if not isinstance(part, Mapping):
            raise ValueError(
                f'{filename} holds a {type(part).__name__}, expected weights by name '
                'or a checkpoint of MMEngine'
            )
    return checkpoint


def load_from_http(filename: str, map_location: Any = None) -> Mapping[str, Any]:
    """Download a checkpoint to PyTorch's cache, once, and load it like a local one.

    A file whose name has no hash in it, as ``model.safetensors``, gets a folder of its
    own there, since others have the same name.

    Raises:
        ValueError: If it can't be downloaded, or as for a local file.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    name = Path(urlparse(filename).path).name
    if not _HASHED.search(name):
        folder /= hashlib.sha256(filename.encode()).hexdigest()[:16]
    path = folder / name
    # Each machine may have a cache of its own; launchers number its processes.
    first = int(os.environ.get('LOCAL_RANK', get_rank())) == 0
    if first and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path), progress=False)
        except OSError as error:
            raise ValueError(f'{filename} can not be downloaded ({error})') from None
    barrier()
    return load_from_local(str(path), map_location)


def wrong_checksum(path: str | Path) -> str | None:
    """Find the first entry of a zip file whose checksum differs.

    It reads the whole file. PyTorch does not compare checksums, and loads flipped bits.
    """
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def _refuse(filename: str, map_location: Any = None) -> None:
    """Refuse a URL that only MMEngine's unsafe loaders can read."""
    raise ValueError(f'{filename} is refused: download it, and name the file')


def _trusted() -> bool:
    return os.environ.get(_TRUST) == '1'


def _load_pickle(path: str, map_location: Any) -> Any:
    """Load a file that PyTorch has saved."""
    try:
        # PyTorch before 2.6 runs code in tar files even with weights_only.
        if is_tarfile(path) and not _trusted():
            raise ValueError('a tar file')
        if zipfile.is_zipfile(path) and (entry := wrong_checksum(path)):
            raise ValueError(f'the checksum of {entry} differs')
        with allowed():
            return torch.load(path, map_location, weights_only=not _trusted())
    except Exception as error:
        # A damaged file makes PyTorch fail in many ways.
        raise ValueError(f'{path} {_reason(error)}') from None


def _reason(error: Exception) -> str:
    """Describe why PyTorch would not load a checkpoint."""
    refused = sorted(set(re.findall(r'GLOBAL (\S+)', str(error))))
    if isinstance(error, pickle.UnpicklingError) and not SELECTIVE:
        refused = ['more than PyTorch before 2.6 can check']
    if refused:
        run = ', '.join(refused)
        return f'is refused: loading it would run {run}. {_HOW_TO_TRUST}'
    text = re.split(r'[.:]\s|\n', str(error))[0].strip() or type(error).__name__
    # It can't check newer pickles, and does not say what they would run.
    hint = f'. {_HOW_TO_TRUST}' if isinstance(error, pickle.UnpicklingError) else ''
    return (
        f'is no checkpoint, or not a complete one ({text}); expected a file that '
        f'PyTorch has saved{hint}'
    )
