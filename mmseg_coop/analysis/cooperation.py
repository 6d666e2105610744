"""Measure cooperation: strength of connectors and similarity of feature maps."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from prettytable import PrettyTable
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.functional import center_crop

from ..eval_mode import eval_mode
from ..models.plan import NetworkSites, Plan, SiteRef, matched
from ..models.segmentors import observe

# Feature maps are pooled to at most this height and width before they are compared.
_PIXELS = 16
# MLflow drops a whole batch of scalars for one name with such a character.
_NOT_IN_NAMES = re.compile(r'[^A-Za-z0-9_\-. /]')


@dataclass
class Cooperation:
    """Strength and similarity, measured on a batch.

    Attributes:
        strength: Strength of the connector of each target site, as in
            ``bottom.backbone.layer1``: the norm of the projected arriving feature map,
            divided by the sum of the norms of both summands; 0 (the arriving one has no
            effect) to 1 (the network's own has none).
        similarity: Linear CKA of the feature maps of two networks before fusion, by
            networks and site, as in ``top-bottom/backbone.layer1``; about 0 (unrelated)
            to 1 (equal up to rotation and scale). If the networks' matched sites have
            different names, both are given: ``backbone.layer1 - backbone.layers.0.2``.
    """

    strength: dict[str, float] = field(default_factory=dict)
    similarity: dict[str, float] = field(default_factory=dict)

    def scalars(self) -> dict[str, float]:
        """Flatten to scalars with names that every logger accepts."""
        groups = dict(strength=self.strength, similarity=self.similarity)
        return {
            f'cooperation/{group}/{_NOT_IN_NAMES.sub("_", name)}': value
            for group, values in groups.items()
            for name, value in values.items()
        }

    def table(self) -> str:
        """Format as a table: sites × receiving networks and pairs of networks."""
        columns: dict[str, dict[str, str]] = defaultdict(dict)
        for name, value in self.strength.items():
            network, _, site = name.partition('.')
            columns[f'strength ({network})'][site] = f'{value:.3f}'
        for name, value in self.similarity.items():
            pair, _, site = name.partition('/')
            columns[f'similarity ({pair})'][site] = f'{value:.3f}'
        sites = list(
            dict.fromkeys(site for column in columns.values() for site in column)
        )
        table = PrettyTable()
        table.add_column('site', sites)
        for name, values in columns.items():
            table.add_column(name, [values.get(site, '') for site in sites])
        return table.get_string()


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Compute linear centred kernel alignment (Kornblith et al., ICML 2019, Eq. (4)).

    With the unbiased estimator of HSIC (Song et al., JMLR 2012, Eq. (5)): the usual one
    finds unrelated features alike where examples are few for their channels.

    Args:
        x: Features of n examples, (n, C).
        y: Features of the same examples by another network, (n, D).

    Returns:
        About 0 for unrelated features, to 1; NaN if either is constant, but for a
        single example, or n below 4.
    """
    if len(x) < 4:
        return math.nan
    x, y = (_centred(features.double()) for features in (x, y))
    k, h = (features @ features.T for features in (x, y))
    of_x, of_y = _hsic(k, k), _hsic(h, h)
    # Where a single example differs from the others it is 0, but for rounding.
    if of_x <= 1e-12 * k.square().mean() or of_y <= 1e-12 * h.square().mean():
        return math.nan
    return float(_hsic(k, h) / (of_x * of_y).sqrt())


def _centred(features: Tensor) -> Tensor:
    """Subtract the mean of each channel of (n, C); of a constant exactly 0 is left."""
    centred = features - features.mean(0)
    constant = centred.norm(dim=0) <= 1e-6 * features.norm(dim=0)
    return centred.masked_fill(constant, 0)


def _hsic(k: Tensor, h: Tensor) -> Tensor:
    """The unbiased estimate of HSIC of two Gram matrices, (n, n)."""
    n = len(k)
    k, h = (gram - gram.diag().diag() for gram in (k, h))
    means = k.sum() * h.sum() / ((n - 1) * (n - 2))
    rows = 2 * (k.sum(0) @ h.sum(0)) / (n - 2)
    return ((k * h).sum() + means - rows) / (n * (n - 3))


@torch.no_grad()
def measure_cooperation(model: nn.Module, inputs: Tensor) -> Cooperation:
    """Measure strength and similarity on a batch.

    Weights, running statistics and random states stay as they are.
    """
    found, plan = Cooperation(), model.plan
    features: dict[SiteRef, Tensor] = {}

    def keep(ref: SiteRef, feature: Tensor) -> None:
        size = [min(side, _PIXELS) for side in feature.shape[2:]]
        features[ref] = F.adaptive_avg_pool2d(feature.float(), size)

    def measure(
        target: str, connector: nn.Module, arguments: Sequence[Tensor], _: Tensor
    ) -> None:
        kept, update = (part.norm() for part in connector.parts(*arguments))
        found.strength[target] = float(update / (kept + update).clamp(min=1e-12))

    with ExitStack() as stack, eval_mode(model):
        for target in plan.incoming:
            connector = plan.connectors[target.identifier]
            if hasattr(connector, 'parts'):
                hook = partial(measure, str(target))
                stack.enter_context(connector.register_forward_hook(hook))
        observe(model, inputs, keep)
    for a, b in combinations(plan.networks, 2):
        for one, other in _counterparts(plan, a, b):
            site = one if one == other else f'{one} - {other}'
            x, y = features[SiteRef(a, one)], features[SiteRef(b, other)]
            found.similarity[f'{a}-{b}/{site}'] = linear_cka(*_same_pixels(x, y))
    return found


def _counterparts(plan: Plan, a: str, b: str) -> Iterator[tuple[str, str]]:
    """Match the sites of two networks, as patterns do.

    If the sites of a part can't be matched, those with the same name are.
    """
    sites = [list(plan.sites[network].values()) for network in (a, b)]
    for part in dict.fromkeys(site.part for site in sites[0]):
        networks = [
            NetworkSites(network, tuple(s for s in own if s.part == part))
            for network, own in zip((a, b), sites, strict=True)
        ]
        try:
            pairs = matched(*networks)
        except ValueError:
            names = {site.name for site in networks[1].sites}
            pairs = [(s, s) for s in networks[0].sites if s.name in names]
        for one, other in pairs:
            if one.stream == other.stream:
                yield one.name, other.name


def _same_pixels(*features: Tensor) -> list[Tensor]:
    """Convert feature maps (N, C, H, W) to features of the same pixels, (n, C)."""
    sizes = [feature.shape[2:] for feature in features]
    size = [min(sides) for sides in zip(*sizes, strict=True)]
    pooled = [F.adaptive_avg_pool2d(feature, size) for feature in features]
    return [feature.permute(0, 2, 3, 1).flatten(0, 2) for feature in pooled]


def fixed_batch(model: nn.Module, dataset: Any, count: int) -> Tensor:
    """Load the first images of a dataset, preprocessed and cropped to one size.

    Returns:
        The centre of each image, (N, C, H, W), on the model's device; of the size of
        ``data_preprocessor.size`` if it is set.
    """
    preprocessor = model.data_preprocessor
    images = [
        preprocessor(pseudo_collate([dataset[i]]), False)['inputs'][0]
        for i in range(min(count, len(dataset)))
    ]
    sizes = [image.shape[1:] for image in images]
    if getattr(preprocessor, 'size', None):
        sizes.append(preprocessor.size)
    height, width = (min(side) for side in zip(*sizes, strict=True))
    return torch.stack([center_crop(image, (height, width)) for image in images])
