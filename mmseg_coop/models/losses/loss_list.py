"""All losses between the networks of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import ModuleList
from mmseg.utils import SampleList
from torch import Tensor

from ..build_module import build_module
from ..expect import expect
from ..plan import SiteRef


class CooperationLosses(ModuleList):
    """The losses of ``cooperation_losses``, each built from its entry.

    Args:
        config: List of configs, or None.
        inferred: Arguments that every loss gets from the model: see
            :class:`CooperationLoss`.
    """

    def __init__(
        self, config: Sequence[Mapping[str, Any]] | None, inferred: Mapping[str, Any]
    ):
        entries = [] if config is None else config
        valid = isinstance(entries, list | tuple)
        valid = valid and all(isinstance(entry, Mapping) for entry in entries)
        expected = "a list of losses, as in dict(type='MutualLoss', weight=0.5)"
        expect('cooperation_losses', config, valid, expected)
        keys = [f'cooperation_losses[{i}]' for i in range(len(entries))]
        super().__init__(
            build_module(key, entry, {**inferred, 'key': key})
            for key, entry in zip(keys, entries, strict=True)
        )

    @property
    def reads(self) -> tuple[SiteRef, ...]:
        """The sites that any of them needs."""
        return tuple(
            dict.fromkeys(SiteRef(*ref) for loss in self for ref in loss.reads)
        )

    def forward(
        self, features: Mapping[SiteRef, Tensor], data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses by name; those of one name are added, as MMSegmentation's heads do.

        Args:
            features: What networks have at the sites in ``reads``, (N, C, H, W).
            data_samples: With ``gt_sem_seg``, (1, H, W) each.
        """
        losses: dict[str, Tensor] = {}
        if not len(self):
            return losses
        labels = torch.stack([sample.gt_sem_seg.data for sample in data_samples])
        for loss in self:
            for name, value in loss(features, labels).items():
                losses[name] = losses[name] + value if name in losses else value
        return losses


def weighted(losses: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Losses times their weight; what is only logged stays as it is.

    MMEngine takes lists of losses, too.
    """

    def times(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        if isinstance(value, list):
            return [one * weight for one in value]
        return value * weight

    return {k: times(value) if 'loss' in k else value for k, value in losses.items()}
