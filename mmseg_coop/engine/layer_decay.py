"""Layer-wise decay of learning rates in each network of a cooperative model."""

from collections.abc import Iterator

from mmseg.engine.optimizers import (
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..models import CooperativeEncoderDecoder
from ..unwrap import unwrap


class _Connections:
    """Parameters outside of networks, as the module that MMSegmentation expects."""

    def __init__(self, model: CooperativeEncoderDecoder):
        self.model = model
        self.backbone = next(iter(model.networks.values())).backbone

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        for name, parameter in self.model.named_parameters():
            if not name.startswith('networks.'):
                yield name, parameter


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CoopLearningRateDecayOptimizerConstructor(LearningRateDecayOptimizerConstructor):
    """``LearningRateDecayOptimizerConstructor`` that supports cooperative models.

    Each network's parameters get the learning rates that they have in the single
    network; connectors get those of the heads, the highest.

    Its arguments are those of ``LearningRateDecayOptimizerConstructor``.
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
        parts = {f'networks.{name}.': part for name, part in model.networks.items()}
        for prefix, part in {**parts, '': _Connections(model)}.items():
            start = len(params)
            try:
                super().add_params(params, part, **kwargs)
            except NotImplementedError:
                kind = type(part.backbone).__name__
                raise ValueError(
                    f'optim_wrapper.constructor: {type(self).__name__} does not know '
                    f'the layers of {prefix}backbone, a {kind}; expected a ConvNeXt, '
                    'BEiT or MAE'
                ) from None
            for group in params[start:]:
                group['group_name'] = prefix + group['group_name']
                group['param_names'] = [prefix + name for name in group['param_names']]


# MMSegmentation's constructors, of which the second is the older name of the first.
COOPERATIVE = dict.fromkeys(
    [LearningRateDecayOptimizerConstructor, LayerDecayOptimizerConstructor],
    CoopLearningRateDecayOptimizerConstructor,
)
