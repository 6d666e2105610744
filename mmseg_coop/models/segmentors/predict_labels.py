"""Label maps of all networks and of their mean, without logits of the image's size.

``EncoderDecoder.predict`` resizes logits to the input, then to the original image: for
19 classes and 1024x2048 pixels 160 MB, twice for each network. An evaluation needs the
classes only, and makes them a few rows at a time.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from ..finite import check_finite
from ..mean_of_probabilities import MEAN, mean_of_probabilities
from .cooperative_encoder_decoder import CooperativeEncoderDecoder
from .overridden import PREDICTS, overridden
from .small_logits import resized, small_logits

# Name of a network's label map in a data sample, before that of the network.
LABEL_FIELD = 'pred_sem_seg_'
# Pixels of an image that are held at a time: more take more memory, fewer more calls.
_PIXELS = 1 << 16
# Called with the next rows of an image, top to bottom: by prediction, numbers that are
# proportional to the probabilities of a pixel, (1, C, r, w) (of a head with one output,
# C = 2), and the label map, (1, r, w).
Collector = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], None]
# Called with a sample, returns the collector of its probabilities, or None.
Collect = Callable[[SegDataSample], Collector | None]


def can_predict_labels(model: torch.nn.Module) -> bool:
    """Tell whether a model predicts as ``EncoderDecoder`` or the cooperative model.

    A sub-class that overrides the prediction does not.
    """
    cooperative = isinstance(model, CooperativeEncoderDecoder)
    base = CooperativeEncoderDecoder if cooperative else EncoderDecoder
    names = (*PREDICTS, 'encode_decode')
    return isinstance(model, base) and not overridden(type(model), base, names)


def predict_labels(
    model: EncoderDecoder,
    inputs: Tensor,
    data_samples: SampleList,
    collect: Collect | None = None,
) -> SampleList:
    """Predict label maps; of a cooperative model those of all networks.

    The classes are those of ``predict``, except where two classes tie to the last bit.

    Args:
        model: A model that :func:`can_predict_labels`.
        inputs: Images, (N, C, H, W).
        data_samples: Meta information of each image.
        collect: Called with a sample, returns the collector of its probabilities, or
            None.

    Returns:
        The samples with ``pred_sem_seg``, (1, h, w), at the size of the original image;
        of a cooperative model also ``pred_sem_seg_<network>`` and
        ``pred_sem_seg_mean``. There are no ``seg_logits``.

    Raises:
        ValueError: If logits are not finite, or the mode of prediction is unknown.
    """
    size = tuple(inputs.shape[2:])
    metas = [sample.metainfo for sample in data_samples]
    logits = _logits(model, inputs, metas)
    check_finite(logits, metas)
    # Heads that don't derive from BaseDecodeHead have no threshold.
    threshold = getattr(model.decode_head, 'threshold', None)
    for i, sample in enumerate(data_samples):
        own = {name: values[i : i + 1] for name, values in logits.items()}
        collector = collect(sample) if collect else None
        bands = _bands(own, size, metas[i], model.align_corners)
        rows = [_label_rows(band, threshold, collector) for band in bands]
        maps = {name: torch.cat([row[name] for row in rows], dim=1) for name in rows[0]}
        if isinstance(model, CooperativeEncoderDecoder):
            info = dict(predict_with=model.predict_with, networks=model.plan.networks)
            sample.set_metainfo(info)
            fields = {f'{LABEL_FIELD}{name}': label for name, label in maps.items()}
            maps = {'pred_sem_seg': maps[model.predict_with], **fields}
        else:
            maps = {'pred_sem_seg': maps['']}
        sample.set_data({key: PixelData(data=label) for key, label in maps.items()})
    return data_samples


def _logits(
    model: EncoderDecoder, inputs: Tensor, metas: list[dict]
) -> dict[str, Tensor]:
    """Logits of each network, as small as the head gives them."""
    if isinstance(model, CooperativeEncoderDecoder):
        names = model.plan.networks
        found = model.networks_inference(inputs, metas, names, resized=False)
        return dict(zip(names, found, strict=True))
    if model.test_cfg.get('mode', 'whole') != 'whole':
        return {'': model.inference(inputs, metas)}
    return {'': small_logits(model, inputs, metas)}


def _bands(
    logits: Mapping[str, Tensor],
    size: tuple[int, int],
    meta: Mapping,
    align_corners: bool,
) -> Iterator[dict[str, Tensor]]:
    """Logits by prediction at the size of the original, some rows of it at a time.

    Args:
        logits: Of each network, (1, C, any H, any W).
        size: Height and width of the input.
    """
    parts = dict(logits)
    original = tuple(meta['ori_shape'][:2])
    padding = meta.get('img_padding_size', meta.get('padding_size', (0,) * 4))
    if size != original or any(padding) or meta.get('flip'):
        parts = {k: resized(x, size, align_corners) for k, x in parts.items()}
        if len(parts) > 1:
            parts[MEAN] = mean_of_probabilities(list(parts.values()))
        parts = {k: _undo(x, padding, meta) for k, x in parts.items()}
    bands = (_resized_bands(x, original, align_corners) for x in parts.values())
    for values in zip(*bands, strict=True):
        yield dict(zip(parts, values, strict=True))


def _label_rows(
    bands: dict[str, Tensor], threshold: float | None, collector: Collector | None
) -> dict[str, Tensor]:
    """Label maps (1, r, w) of some rows, those of the mean included.

    Args:
        bands: Logits by prediction, (1, C, r, w). If they lack the mean of several
            networks, it is computed from the probabilities of these rows.
        collector: Called with what is proportional to the probabilities.
    """
    joined = len(bands) > 1 and MEAN not in bands
    rows, shares = {}, {}
    for name, band in bands.items():
        rows[name], below = _classes(band, threshold)
        if joined or collector:
            # Exponentials of how far logits are below the highest, in place; exp takes
            # twice as long on a CPU.
            shares[name] = below.float().mul_(1 / math.log(2)).exp2_()
    if joined:
        for share in shares.values():
            share.div_(share.sum(dim=1, keepdim=True))
        total = sum(shares.values())
        # The sum is highest for the same class as the mean, and takes less time than
        # logits of the mean.
        one = next(iter(bands.values())).shape[1] == 1
        scores = mean_of_probabilities(list(bands.values())) if one else total
        rows[MEAN], _ = _classes(scores, threshold)
        shares[MEAN] = total / len(bands)
    if collector:
        collector(shares, rows)
    return rows


def _undo(x: Tensor, padding: Sequence[int], meta: Mapping) -> Tensor:
    """Remove the padding of a pipeline, and undo its flip."""
    left, right, top, bottom = padding
    x = x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]
    if not meta.get('flip'):
        return x
    return x.flip({'horizontal': 3, 'vertical': 2}[meta['flip_direction']])


def _rows_at_a_time(width: int) -> int:
    """Number of rows of an image of this width that are held at a time."""
    return max(1, _PIXELS // width)


def _resized_bands(
    x: Tensor, size: tuple[int, int], align_corners: bool
) -> Iterator[Tensor]:
    """(1, C, H, W) resized as by ``interpolate``, some rows (1, C, r, W) at a time."""
    height, rows = x.shape[2], size[0]
    if x.shape[2:] == size:
        yield from x.split(_rows_at_a_time(x.shape[3]), dim=2)
        return
    x = resized(x, (height, size[1]), align_corners)
    position = torch.arange(rows, dtype=torch.float32, device=x.device)
    if align_corners:
        position = position * ((height - 1) / max(rows - 1, 1))
    else:
        position = ((position + 0.5) * (height / rows) - 0.5).clamp_(min=0)
    above = position.long().clamp_(max=height - 1)
    below = (above + 1).clamp_(max=height - 1)
    share = (position - above).to(x.dtype)[:, None]
    count = _rows_at_a_time(size[1])
    parts = (values.split(count) for values in (above, below, 1 - share, share))
    for upper, lower, keep, add in zip(*parts, strict=True):
        # Several times as fast as indexing with brackets.
        band = x.index_select(2, upper).mul_(keep)
        yield band.addcmul_(x.index_select(2, lower), add)


def _classes(band: Tensor, threshold: float | None) -> tuple[Tensor, Tensor]:
    """Classes (1, r, W), and how far logits are below the highest, (1, C, r, W).

    With one output, C = 1, the class is 1 above the threshold, and C becomes 2.
    """
    if band.shape[1] == 1:
        label = (band[:, 0].sigmoid() > threshold).to(band)
        both = torch.cat([torch.zeros_like(band), band], dim=1)
        return label, both - both.amax(dim=1, keepdim=True)
    below = band - band.amax(dim=1, keepdim=True)
    # The first of the classes with the highest logit. On the CPU several times as fast
    # as max or argmax, which go through memory class by class.
    number = band.shape[1]
    small = torch.uint8 if number < 256 else torch.int16
    places = torch.arange(number, 0, -1, dtype=small, device=band.device)
    highest = ~(below < 0)
    return number - (highest * places[:, None, None]).amax(dim=1).long(), below
