"""The networks of a cooperative model."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import ModuleDict
from mmseg.registry import MODELS

from ..heads import last_head
from ..recompute import recompute_networks
from .init_checkpoints import Origin, load_networks
from .network_configs import NetworkConfig, check_alike, check_shapes


class Networks(ModuleDict):
    """Networks by name; frozen ones are never trained.

    Args:
        configs: The config of each network.
        test_cfg: The model's: networks predict as it does.
        with_cp: Whether activations are computed again in the backward pass.

    Attributes:
        trained: Names of those that are not frozen.
        origins: Origin of each network that was loaded from a cooperative model's
            checkpoint.

    Raises:
        ValueError: If networks predict different classes, or weights have no shape.
    """

    def __init__(
        self, configs: Mapping[str, NetworkConfig], test_cfg: ConfigDict, with_cp: bool
    ):
        super().__init__(
            {
                name: MODELS.build({**deepcopy(config.model), 'test_cfg': test_cfg})
                for name, config in configs.items()
            }
        )
        self.trained = [name for name, config in configs.items() if not config.frozen]
        self.origins: dict[str, Origin] = {}
        self._inits = {n: c.init for n, c in configs.items() if c.init is not None}
        check_shapes(self)
        check_alike(self)
        for name, network in self.items():
            if name not in self.trained:
                network.requires_grad_(False)
        if with_cp:
            recompute_networks(self.values())

    @property
    def has_checkpoints(self) -> bool:
        """Tell whether any network starts from a checkpoint."""
        return bool(self._inits)

    def init_weights(self) -> None:
        """Initialise each network on its own, or load its ``init``."""
        self.origins = load_networks(self, self._inits)
        for name in self._inits:
            self[name].is_init = True
        super().init_weights()

    def train(self, mode: bool = True) -> 'Networks':
        """Set the mode; frozen networks stay in evaluation mode."""
        super().train(mode)
        for name, network in self.items():
            if name not in self.trained:
                network.eval()
        return self

    def loss_options(self) -> dict[str, Any]:
        """Arguments that all losses between networks get."""
        one = next(iter(self.values()))
        return dict(
            networks=tuple(self),
            trained=self.trained,
            align_corners=one.align_corners,
            ignore_index=getattr(last_head(one), 'ignore_index', 255),
        )
