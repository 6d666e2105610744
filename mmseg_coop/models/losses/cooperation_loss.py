"""Base of all losses between networks."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from ..expect import expect, is_number
from ..mean_of_probabilities import log_probabilities, mean_log_probabilities
from ..plan import SiteRef
from ..sites import LOGITS


class CooperationLoss(BaseModule, metaclass=ABCMeta):
    """A loss between networks, on the logits that each has for the same images.

    Teachers get no gradient. The divergence is taken at each pixel of the student's
    logits, to whose size those of teachers and the labels are brought; with a
    temperature T it is that of softened probabilities, times T² (Hinton et al.,
    *Distilling the Knowledge in a Neural Network*, 2015, Section 2). As in
    MMSegmentation's ``CrossEntropyLoss``, ignored pixels add nothing and the sum is
    divided by the number of all pixels, so that distributed training has the loss of
    a single process.

    A loss is any module in MMSegmentation's registry that is built with the keys of its
    entry in ``cooperation_losses`` and with ``networks``, ``trained``,
    ``ignore_index``, ``align_corners`` and ``key``, names in ``reads`` the sites that
    it needs, and returns a dict of named losses of the feature maps there.

    Args:
        networks: Names of the model's networks, in order.
        trained: Names of those that are not frozen.
        ignore_index: Label of pixels that are left out.
        align_corners: How logits of other sizes are resized.
        key: Place of its entry in the config, for errors.
        weight: Weight of the loss.
        temperature: Softens probabilities where it is above 1.
        warmup_iters: Iterations over which the weight grows from 0, as early
            predictions are poor teachers.
    """

    def __init__(
        self,
        networks: Sequence[str],
        trained: Sequence[str],
        ignore_index: int = 255,
        align_corners: bool = False,
        key: str = 'cooperation_losses',
        weight: float = 1.0,
        temperature: float = 1.0,
        warmup_iters: int = 0,
    ):
        super().__init__()
        self.networks, self.trained = tuple(networks), tuple(trained)
        self.ignore_index = ignore_index
        self.align_corners = align_corners
        self.key = key
        self.weight = weight
        self.temperature = temperature
        self.warmup_iters = warmup_iters
        self._expect('weight', weight, is_number(weight), 'a number of 0 or more')
        valid = is_number(temperature) and temperature > 0
        self._expect('temperature', temperature, valid, 'a number above 0')
        valid = type(warmup_iters) is int and warmup_iters >= 0
        self._expect('warmup_iters', warmup_iters, valid, 'a whole number, 0 or more')
        if warmup_iters:
            # Checkpoints have it: a resumed run continues with the same weight.
            self.register_buffer('iters', torch.zeros((), dtype=torch.long))

    @property
    def reads(self) -> tuple[SiteRef, ...]:
        """The sites that it needs: the logits of all networks."""
        return tuple(SiteRef(name, LOGITS) for name in self.networks)

    def forward(
        self, features: Mapping[SiteRef, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Losses by name.

        Args:
            features: What networks have at the sites in ``reads``, (N, C, H, W) of any
                size.
            labels: (N, 1, H, W).

        Returns:
            Scalars, named as in ``loss_mutual_top_bottom``.
        """
        logits = {
            name: features[name, site].float()
            for name, site in self.reads
            if site == LOGITS
        }
        weight = self.weight * self._warmup()
        return {k: loss * weight for k, loss in self.compare(logits, labels).items()}

    @abstractmethod
    def compare(
        self, logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Losses by name, which have ``loss`` in them, before they are weighted.

        Args:
            logits: Of each network that it reads, (N, C, any H, any W).
            labels: (N, 1, H, W).
        """

    def mimic(
        self,
        student: Tensor,
        teachers: Sequence[Tensor],
        labels: Tensor,
        pixels: Tensor | None = None,
    ) -> Tensor:
        """The divergence of a student from the mean of its teachers, a scalar.

        Args:
            student: Logits, (N, C, any H, any W).
            teachers: Logits of each teacher, of the same kind.
            labels: (N, 1, H, W).
            pixels: Weight of each pixel, (N, 1, any H, any W), or None.
        """
        teachers = [self._resized(x.detach(), student) for x in teachers]
        target = mean_log_probabilities([x / self.temperature for x in teachers])
        own = log_probabilities(student / self.temperature)
        found = (target.exp() * (target - own)).sum(1) * self.temperature**2
        if pixels is not None:
            found = found * self._resized(pixels, student)[:, 0]
        near = F.interpolate(labels.float(), size=student.shape[2:], mode='nearest')
        return found.masked_fill(near[:, 0] == self.ignore_index, 0).mean()

    def _warmup(self) -> Tensor | float:
        if not self.warmup_iters:
            return 1.0
        share = (self.iters / self.warmup_iters).clamp(max=1.0)
        if self.training:
            self.iters += 1
        return share

    def _resized(self, x: Tensor, like: Tensor) -> Tensor:
        if x.shape[2:] == like.shape[2:]:
            return x
        return F.interpolate(x, like.shape[2:], None, 'bilinear', self.align_corners)

    def _names(
        self, option: str, names: Sequence[str], among: Sequence[str]
    ) -> tuple[str, ...]:
        """Names of networks, checked."""
        valid = isinstance(names, list | tuple) and 0 < len(names) == len(set(names))
        valid = valid and set(names) <= set(among)
        expected = f'a list of some of {", ".join(among)}, each once'
        self._expect(option, names, valid, expected)
        return tuple(names)

    def _expect(self, option: str, found: object, valid: bool, expected: str) -> None:
        expect(f'{self.key}.{option}', found, valid, expected)
