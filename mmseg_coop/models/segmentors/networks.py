"""The networks of a cooperative model."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import ModuleDict
from mmseg.registry import MODELS

from ..expect import expect
from ..heads import last_head
from ..recompute import recompute_networks
from .init_checkpoints import Origin, load_networks
from .network_configs import NetworkConfig, check_alike


class Networks(ModuleDict):
    """Networks by name, built from their configs; frozen ones are never trained.

    Attributes:
        trained: Names of those that are not frozen.
        inits: The ``init`` of those that start from a checkpoint.
        origins: Origin of each network that was loaded from a cooperative model's
            checkpoint.
    """

    def __init__(
        self, configs: Mapping[str, NetworkConfig], test_cfg: ConfigDict, with_cp: bool
    ):
        super().__init__()
        self.trained = [name for name, config in configs.items() if not config.frozen]
        self.origins: dict[str, Origin] = {}
        self.inits = {n: c.init for n, c in configs.items() if c.init is not None}
        for name in configs:
            # A module's parts and attributes share their names.
            free = not hasattr(self, name)
            expect('networks', name, free, 'a name that no attribute of Networks has')
        for name, config in configs.items():
            self[name] = MODELS.build({**deepcopy(config.model), 'test_cfg': test_cfg})
        check_alike(self)
        for name, network in self.items():
            if name not in self.trained:
                network.requires_grad_(False)
        if with_cp:
            recompute_networks(self.values())

    def init_weights(self) -> None:
        """Initialise each network on its own, or load its ``init``."""
        self.origins = load_networks(self, self.inits)
        for name in self.inits:
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
