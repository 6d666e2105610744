"""Base of all losses between networks."""

from abc import ABCMeta, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from ..expect import expect, is_number
from ..plan import SiteRef
from ..sites import LOGITS
from .divergence import divergence


class Lesson(NamedTuple):
    """Lesson of one network: whom it learns from, and where.

    Attributes:
        name: Name of the loss, with ``loss`` in it.
        student: The network that learns.
        teachers: The networks that it learns from: the mean of their probabilities.
        pixels: Weight of each pixel, (N, 1, any H, any W), or None.
    """

    name: str
    student: str
    teachers: Sequence[str]
    pixels: Tensor | None = None


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
        for option in ('weight', 'temperature', 'warmup_iters'):
            value = getattr(self, option)
            self._expect(option, value, is_number(value), 'a number of 0 or more')
        self._expect('temperature', temperature, temperature > 0, 'a number above 0')
        right = type(warmup_iters) is int
        self._expect('warmup_iters', warmup_iters, right, 'a whole number')
        if warmup_iters:
            # Checkpoints have it: a resumed run goes on with the same weight.
            self.register_buffer('iters', torch.zeros((), dtype=torch.long))

    @property
    @abstractmethod
    def predicting(self) -> tuple[str, ...]:
        """Names of the networks whose logits it needs."""

    @abstractmethod
    def lessons(self, logits: Mapping[str, Tensor]) -> list[Lesson]:
        """List which network learns from which.

        Args:
            logits: Of each network in ``predicting``, (N, C, any H, any W).
        """

    @property
    def reads(self) -> tuple[SiteRef, ...]:
        """The sites that it needs: the networks' logits."""
        return tuple(SiteRef(name, LOGITS) for name in self.predicting)

    def forward(
        self, features: Mapping[SiteRef, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Losses by name; of several lessons of a student the mean is taken.

        Args:
            features: What networks have at the sites in ``reads``, (N, C, H, W) of any
                size.
            labels: (N, 1, H, W).

        Returns:
            Scalars, named as in ``loss_mutual_top_bottom``.
        """
        logits = {name: features[name, LOGITS].float() for name in self.predicting}
        weight = self.weight * self._warmup()
        lessons = self.lessons(logits)
        counts = Counter(lesson.student for lesson in lessons)
        return {
            lesson.name: self._mean(lesson, logits, labels)
            * (weight / counts[lesson.student])
            for lesson in lessons
        }

    def _mean(
        self, lesson: Lesson, logits: Mapping[str, Tensor], labels: Tensor
    ) -> Tensor:
        own = logits[lesson.student]
        teachers = [self._resized(logits[t].detach(), own) for t in lesson.teachers]
        found = divergence(own, teachers, self.temperature)
        if lesson.pixels is not None:
            found = found * self._resized(lesson.pixels, own)[:, 0]
        near = F.interpolate(labels.float(), size=own.shape[2:], mode='nearest')
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
        right = isinstance(names, list | tuple) and 0 < len(names) == len(set(names))
        right = right and set(names) <= set(among)
        expected = f'a list of some of {", ".join(among)}, each once'
        self._expect(option, names, right, expected)
        return tuple(names)

    def _expect(self, option: str, found: object, right: bool, expected: str) -> None:
        expect(f'{self.key}.{option}', found, right, expected)
