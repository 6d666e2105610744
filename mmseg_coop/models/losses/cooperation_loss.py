"""What all losses between networks share."""

from abc import ABCMeta, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from ..expect import expect
from .divergence import divergence


class CooperationLoss(BaseModule, metaclass=ABCMeta):
    """A loss between networks, on the logits that each has for the same images.

    Teachers get no gradient; of several losses of a student the mean is taken. The
    divergence is averaged over the pixels that have a label, at the resolution of the
    student's logits; with a temperature T it is taken between softened probabilities
    and multiplied by T² (Hinton et al., *Distilling the Knowledge in a Neural Network*,
    2015, Section 2).

    A loss is any module in MMSegmentation's registry that is built with ``networks``
    (the names of all) and the keys of its entry in ``cooperation_losses``, says in
    ``reads`` whose logits it needs, and makes a dict of named losses of them.

    Args:
        networks: Names of the model's networks, in order.
        loss_weight: Weight of the loss.
        temperature: Softens probabilities where it is above 1.
        warmup_iters: Iterations over which the weight grows from 0, as predictions
            say little at the start.
        ignore_index: Label of pixels that are left out.
        align_corners: How logits of other sizes are resized.
    """

    def __init__(
        self,
        networks: Sequence[str],
        loss_weight: float = 1.0,
        temperature: float = 1.0,
        warmup_iters: int = 0,
        ignore_index: int = 255,
        align_corners: bool = False,
    ):
        super().__init__()
        for key, value, right, expected in (
            ('loss_weight', loss_weight, _is_number(loss_weight, 0), '0 or more'),
            ('temperature', temperature, _is_number(temperature, 1e-6), 'above 0'),
            ('warmup_iters', warmup_iters, _is_number(warmup_iters, 0), '0 or more'),
        ):
            expect(f'cooperation_losses.{key}', value, right, f'a number, {expected}')
        self.networks = tuple(networks)
        self.loss_weight = loss_weight
        self.temperature = temperature
        self.warmup_iters = warmup_iters
        self.ignore_index = ignore_index
        self.align_corners = align_corners
        # Checkpoints have it, so that a resumed run goes on with the same weight.
        self.register_buffer('iters', torch.zeros((), dtype=torch.long))

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Names of the networks whose logits it needs."""

    @abstractmethod
    def pairs(
        self, logits: Mapping[str, Tensor]
    ) -> dict[str, tuple[str, list[str], Tensor | None]]:
        """What is compared: name of the loss, student, teachers, weight of pixels."""

    def forward(
        self, logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Losses by name.

        Args:
            logits: Of each network in ``reads``, (N, C, any H, any W).
            labels: (N, H, W).

        Returns:
            Scalars, named as in ``loss_mutual_top``.
        """
        weight = self.loss_weight * self._warmup()
        losses = {}
        pairs = self.pairs(logits)
        counts = Counter(student for student, _, _ in pairs.values())
        for name, (student, teachers, pixels) in pairs.items():
            own = logits[student]
            targets = [self._resized(logits[t].detach(), own) for t in teachers]
            found = divergence(own, targets, self.temperature)
            valid = self._valid(labels, own)
            if pixels is not None:
                found = found * self._resized(pixels, own)[:, 0]
            # Images without a labelled pixel add nothing.
            total = (found * valid).sum() / valid.sum().clamp(min=1)
            losses[name] = weight / counts[student] * total
        return losses

    def _warmup(self) -> Tensor | float:
        if not self.warmup_iters:
            return 1.0
        share = (self.iters / self.warmup_iters).clamp(max=1.0)
        if self.training:
            self.iters += 1
        return share

    def _valid(self, labels: Tensor, like: Tensor) -> Tensor:
        labels = labels[:, None].float()
        near = F.interpolate(labels, size=like.shape[2:], mode='nearest')[:, 0]
        return (near != self.ignore_index).float()

    def _resized(self, x: Tensor, like: Tensor) -> Tensor:
        if x.shape[2:] == like.shape[2:]:
            return x
        size = like.shape[2:]
        return F.interpolate(
            x, size=size, mode='bilinear', align_corners=self.align_corners
        )

    def _check_names(self, key: str, names: Sequence[str]) -> tuple[str, ...]:
        names = (names,) if isinstance(names, str) else tuple(names)
        right = bool(names) and all(name in self.networks for name in names)
        expected = f'some of the networks {", ".join(self.networks)}'
        expect(f'cooperation_losses.{key}', list(names), right, expected)
        return names


def _is_number(value: object, least: float) -> bool:
    return type(value) in (int, float) and least <= value < float('inf')
