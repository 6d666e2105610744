"""All losses between the networks of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import ModuleList
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..build_module import build_module
from ..expect import expect
from ..plan import SiteRef

_EXAMPLE = "a list of losses, as in dict(type='MutualLoss', weight=0.5)"


class CooperationLosses(ModuleList):
    """The losses of ``cooperation_losses``, each built from its entry.

    Args:
        config: List of configs, or None.
        inferred: Arguments that every loss gets from the model: see
            :class:`CooperationLoss`.

    Raises:
        ValueError: If the config is no such list, or an option has a wrong value.
    """

    def __init__(
        self, config: Sequence[Mapping[str, Any]] | None, inferred: Mapping[str, Any]
    ):
        key = 'cooperation_losses'
        entries = [] if config is None else config
        right = isinstance(entries, list | tuple)
        right = right and all(isinstance(entry, Mapping) for entry in entries)
        expect(key, config, right, _EXAMPLE)
        super().__init__()
        for i, entry in enumerate(entries):
            place = f'{key}[{i}]'
            loss = build_module(place, entry, {**inferred, 'key': place})
            _check_reads(loss, place, inferred['networks'])
            self.append(loss)

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
        for i, loss in enumerate(self):
            found = loss(features, labels)
            right = isinstance(found, Mapping)
            expect(f'cooperation_losses[{i}]', found, right, 'a dict of losses by name')
            for name, value in found.items():
                losses[name] = losses[name] + value if name in losses else value
        return losses


def _check_reads(loss: nn.Module, key: str, networks: Sequence[str]) -> None:
    """Check the sites that a loss says it needs."""
    reads = getattr(loss, 'reads', None)
    right = isinstance(reads, list | tuple) and all(
        isinstance(ref, tuple) and len(ref) == 2 and ref[0] in networks for ref in reads
    )
    expected = f'pairs of a network ({", ".join(networks)}) and its site'
    expect(f'{key}: {type(loss).__name__}.reads', reads, right, expected)


def weighted(losses: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Losses times their weight; what is only logged stays as it is."""
    return {
        key: value * weight if 'loss' in key and weight != 1 else value
        for key, value in losses.items()
    }
