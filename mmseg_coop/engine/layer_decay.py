"""Layer-wise decay of learning rates in each network of a cooperative model."""

from collections.abc import Iterable, Iterator

from mmseg.engine.optimizers import (
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..models import CooperativeEncoderDecoder
from ..unwrap import unwrap

_Named = Iterable[tuple[str, nn.Parameter]]


class _Part:
    """Parameters as a module, which MMSegmentation's constructors expect."""

    def __init__(self, backbone: nn.Module, parameters: _Named):
        self.backbone = backbone
        self._parameters = list(parameters)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self._parameters


class _OfNetworks:
    """Mixin that adds each network's parameters as those of a single network.

    Connectors get the learning rate of the heads, the highest.
    """

    def add_params(self, params: list[dict], module: nn.Module, **kwargs) -> None:
        """Add all parameters of a model, in groups with one learning rate each.

        Raises:
            ValueError: If the layers of a network's backbone are not known.
        """
        model = unwrap(module)
        if not isinstance(model, CooperativeEncoderDecoder):
            super().add_params(params, module, **kwargs)
            return
        for name, network in model.networks.items():
            self._add_part(params, network, f'networks.{name}.', **kwargs)
        rest = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if not name.startswith('networks.')
        ]
        first = next(iter(model.networks.values()))
        self._add_part(params, _Part(first.backbone, rest), '', **kwargs)

    def _add_part(
        self, params: list[dict], part: nn.Module | _Part, prefix: str, **kwargs
    ) -> None:
        start = len(params)
        try:
            super().add_params(params, part, **kwargs)
        except NotImplementedError:
            kind = type(part.backbone).__name__
            raise ValueError(
                f'optim_wrapper.constructor: {type(self).__name__} does not know the '
                f'layers of {prefix}backbone, a {kind}, for decay_type='
                f'{self.paramwise_cfg.get("decay_type", "layer_wise")!r}; expected a '
                'ConvNeXt, BEiT or MAE'
            ) from None
        for group in params[start:]:
            group['group_name'] = prefix + group['group_name']
            group['param_names'] = [prefix + name for name in group['param_names']]


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CoopLearningRateDecayOptimizerConstructor(
    _OfNetworks, LearningRateDecayOptimizerConstructor
):
    """``LearningRateDecayOptimizerConstructor`` that supports cooperative models.

    Each network's parameters get the learning rates that they have in the single
    network; connectors get those of the heads.

    Its arguments are those of ``LearningRateDecayOptimizerConstructor``.
    """


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CoopLayerDecayOptimizerConstructor(_OfNetworks, LayerDecayOptimizerConstructor):
    """``LayerDecayOptimizerConstructor`` (deprecated) for cooperative models."""


# MMSegmentation's constructors, and those for cooperative models.
COOPERATIVE = {
    LearningRateDecayOptimizerConstructor: CoopLearningRateDecayOptimizerConstructor,
    LayerDecayOptimizerConstructor: CoopLayerDecayOptimizerConstructor,
}
