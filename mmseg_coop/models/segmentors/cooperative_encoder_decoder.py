"""The segmentor: several networks that share feature maps while they train."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.logging import print_log
from mmengine.model import ModuleDict
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ..data_preprocessors import data_preprocessor_for
from ..expect import expect_bool, expect_dict
from ..finite import check_finite
from ..losses import CooperationLosses
from ..plan import Plan, asked_sites, write_connections
from ..plan.old_weight_names import upgrade_keys
from ..recompute import recompute_modules, recompute_networks
from ..sites import Site
from .check_test_cfg import check_test_cfg, expect_mode
from .combine import MEAN, mean_of_probabilities, slide
from .init_checkpoints import load_connections, load_networks
from .init_on_first_run import InitialWeights
from .logits import at_largest, first, small_logits
from .network_configs import (
    check_alike,
    check_shapes,
    in_channels,
    last_head,
    read_networks,
)
from .network_sites import find_network_sites


@MODELS.register_module()
class CooperativeEncoderDecoder(EncoderDecoder):
    """Networks trained at the same time while they share feature maps.

    "We use two same networks and paths for sending feature maps between two
    networks" (Ikedo & Hotta, VISAPP 2021):

    .. code:: text

        image -+-> top     layer1 ... layer4 - head -> Loss1
               |             |          |       |
               |           [fuse]     [fuse]  [fuse]    a connector at each site
               |             v          v       v
               +-> bottom  layer1 ... layer4 - head -> Loss2      Loss1 + Loss2

    Each network is an ordinary segmentor that runs its own ``loss`` and
    ``encode_decode``. Which feature map goes where is the plan: a list of connections,
    checked when the model is built. Hooks at the sites of connections show the plan
    what a network has there, and put back what it has fused.

    1. ``loss`` runs all networks and sums their losses, Eq. (1), and losses between
    networks:

    .. code:: text

        loss(): plan.run_keeping(network.loss for each network)
                -> cooperation_losses(what networks have at sites)

    2. ``predict`` runs only what the prediction needs: predicting with ``bottom``
    runs ``top`` no further than its last connected site, predicting with ``top``
    leaves ``bottom`` out.

    .. code:: text

        predict(): inference() -> postprocess_result()
        inference(): whole or slide -> plan.run(network.encode_decode of the needed)
                     -> mean_of_probabilities() if predict='mean'

    In a validation or test ``CoopValLoop`` and ``CoopTestLoop`` call
    ``label_maps.predict_labels`` instead, for label maps of all networks in one run.

    3. ``_forward`` returns the network's raw output, for export and FLOPs counting.

    Args:
        backbone: As in ``EncoderDecoder``, like ``decode_head``, ``neck``,
            ``auxiliary_head``, ``train_cfg``, ``data_preprocessor``, ``pretrained``
            and ``init_cfg``: what all networks have in common.
        test_cfg: As in ``EncoderDecoder`` (``mode``, ``crop_size``, ``stride``), and
            ``predict``: the selected prediction, that of a network or ``mean`` (of
            the probabilities). Default: the last network if networks are connected,
            otherwise ``mean``.
        connections: None (a plain ensemble); ``dict(pattern='same', sites=None,
            connector=dict(type='CoopConnector'), aggregation=dict(
            type='CoopAggregation'), mix_streams=False, detach=False, dropout=0.0,
            read='fused')``; or a list of ``dict(source='top.backbone.layer3',
            target='bottom.backbone.layer3', ...)`` with the same further keys. A list
            of sources is aggregated.
        cooperation_losses: Losses between networks, a list as in
            ``[dict(type='MutualLoss', weight=0.5)]``. They read what networks have at
            sites; a network's logits are the site ``logits``.
        networks: What each network has of its own, by name (``top`` and ``bottom``, or
            names in alphabetical order) or in a list, where each may have a ``name``:
            parts and options that are merged over the common ones (a part of another
            type replaces), or a config file. And for each ``init`` (a checkpoint, of
            one network or of a cooperative model that has it),
            ``frozen`` (it is not trained), ``inputs`` (channels of the image that it
            sees), ``data_preprocessor`` and ``loss_weight``.
        num_networks: Number of alike networks. Default: 2. Two are named ``top`` and
            ``bottom``, more ``net1``, ``net2``, ...; in a pattern each reads the one
            before it.
        network_type: Class of the networks. Default: ``CascadeEncoderDecoder`` if
            ``num_stages`` is given, otherwise ``EncoderDecoder``.
        networks_init: ``init`` of all networks, as a list.
        loss_weights: ``loss_weight`` of all networks, as a list. Default: 1 for each.
        with_cp: Train in less memory and more time: activations inside of a ResNet's
            blocks, heads, losses and connectors are computed again in the backward
            pass; losses and gradients stay the same. Other backbones have a
            ``with_cp`` of their own.
        **network_options: Further arguments of the networks' class, as ``num_stages``.

    Attributes:
        networks: ``ModuleDict`` of the networks by name.
        plan: The connections between the networks, with their connectors.
        configs: The config of each network by name.

    Raises:
        ValueError: If an option is unknown or connections can't be carried out; the
            message names the config key, what was found and what was expected.
    """

    def __init__(
        self,
        backbone: dict | None = None,
        decode_head: dict | list[dict] | None = None,
        neck: dict | None = None,
        auxiliary_head: dict | list[dict] | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list[dict] | None = None,
        connections: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        cooperation_losses: Sequence[Mapping[str, Any]] | None = None,
        networks: Mapping[str, Any] | Sequence[Any] | None = None,
        num_networks: int | None = None,
        network_type: str | type | None = None,
        networks_init: Sequence[str | None] | None = None,
        loss_weights: Sequence[float] | None = None,
        with_cp: bool = False,
        **network_options: Any,
    ):
        common = {
            'type': network_type,
            'backbone': backbone,
            'decode_head': decode_head,
            'neck': neck,
            'auxiliary_head': auxiliary_head,
            'train_cfg': train_cfg,
            'pretrained': pretrained,
            'init_cfg': init_cfg,
            **network_options,
        }
        common = {key: value for key, value in common.items() if value is not None}
        configs = read_networks(
            common, networks, num_networks, networks_init, loss_weights
        )
        expect_dict('test_cfg', test_cfg)
        expect_bool('with_cp', with_cp)
        test_cfg = ConfigDict({'mode': 'whole', **(test_cfg or {})})
        built = {
            name: MODELS.build({**deepcopy(config.model), 'test_cfg': test_cfg})
            for name, config in configs.items()
        }
        check_shapes(built)
        preprocessor, channels = data_preprocessor_for(
            data_preprocessor,
            inputs={name: config.inputs for name, config in configs.items()},
            own={name: config.data_preprocessor for name, config in configs.items()},
            counts={name: in_channels(network) for name, network in built.items()},
        )
        # Not EncoderDecoder's: it would build one network in this module's place.
        BaseSegmentor.__init__(self, preprocessor)
        self._channels = channels
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg
        self.configs = configs
        self.networks = ModuleDict(built)
        check_alike(self.networks)
        one = built[next(iter(built))]
        self.align_corners = one.align_corners
        self.num_classes = one.num_classes
        self.out_channels = one.out_channels
        for name, config in configs.items():
            if config.frozen:
                self.networks[name].requires_grad_(False)
        if with_cp:
            recompute_networks(self.networks.values())

        names = tuple(configs)
        self._trained = [name for name, c in configs.items() if not c.frozen]
        told = dict(networks=names, trained=self._trained)
        told |= dict(align_corners=self.align_corners)
        told |= dict(ignore_index=getattr(last_head(one), 'ignore_index', 255))
        self.cooperation_losses = CooperationLosses(cooperation_losses, told)
        sites: dict[str, dict[str, Site]] = {name: {} for name in names}
        if connections or cooperation_losses:
            asked = asked_sites(connections, names)
            for name, site in self.cooperation_losses.reads:
                asked[name].append(site)
            keys = dict(connections=connections, cooperation_losses=cooperation_losses)
            given = ', '.join(key for key, value in keys.items() if value)
            sites = find_network_sites(built, configs, preprocessor, asked, given)
        self.plan = Plan(
            write_connections(connections, sites),
            sites,
            self.align_corners,
            self._trained,
            self.cooperation_losses.reads,
        )
        self.plan.attach(self.networks)
        if self.plan.connections and not self.plan.inside_backbones:
            print_log(
                'Nothing is exchanged inside of a backbone, only behind it; '
                'connections.sites takes the path of any module',
                'current',
            )
        if with_cp:
            recompute_modules(self.plan.connectors.values())
            recompute_modules(self.plan.aggregations.values())

        default = names[-1] if self.plan.connections else MEAN
        self.predict_with = self.test_cfg.get('predict', default)
        check_test_cfg(self.test_cfg, self.predict_with, (*names, MEAN))
        inits = any(config.init for config in configs.values())
        self._initial_weights = InitialWeights(self) if inits else None

    @property
    def decode_head(self) -> nn.Module:
        """Decode head of the selected prediction, the last network's for ``mean``."""
        return last_head(self.networks[self._predicting()[-1]])

    def init_weights(self) -> None:
        """Initialise each network on its own, or load its ``init``.

        Of networks that come from the checkpoint of one cooperative model, their
        connections come from it, too.
        """
        inits = {n: c.init for n, c in self.configs.items() if c.init is not None}
        origins = load_networks(self.networks, inits)
        for name in inits:
            self.networks[name].is_init = True
        super().init_weights()
        load_connections(self.plan, origins)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Load older checkpoints, too, and refuse those of other models.

        Whoever loads has asked for all weights, or for those that fit: none of them is
        a mistake that MMSegmentation's tools would only log.
        """
        own = {k.removeprefix(prefix): k for k in state_dict if k.startswith(prefix)}
        for key, old in upgrade_keys(own, self.plan).items():
            state_dict[f'{prefix}{key}'] = state_dict.pop(old)
        parts = tuple(f'{prefix}{name}.' for name in self._modules)
        if own and not any(key.startswith(parts) for key in state_dict):
            raise ValueError(
                f'none of the {len(own)} weights fits a cooperative model, whose names '
                f'begin with networks.{next(iter(self.networks))}; the checkpoint of a '
                'single network starts one with model.networks_init=[a.pth,b.pth]'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)

    def train(self, mode: bool = True) -> 'CooperativeEncoderDecoder':
        """Set the mode; frozen networks stay in evaluation mode."""
        super().train(mode)
        for name, config in self.configs.items():
            if config.frozen:
                self.networks[name].eval()
        return self

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of all networks; MMEngine sums them: Loss1 + Loss2, Eq. (1).

        Losses between networks are added.

        Args:
            inputs: Images, (N, C, H, W).
            data_samples: With ``gt_sem_seg``, (1, H, W) each.

        Returns:
            Losses and accuracies, named as in ``top.decode.loss_ce`` and
            ``cooperation.loss_mutual_top_bottom``.
        """

        def call(name: str) -> Any:
            network, image = self.networks[name], self.image_of(inputs, name)
            if name in self._trained:
                return network.loss(image, data_samples)
            # It is only read, and ends at its last site.
            with self._frozen_grad(name):
                metas = [sample.metainfo for sample in data_samples]
                return network.encode_decode(image, metas)

        self._ensure_weights()
        found, kept = self.plan.run_keeping(call, self._trained, inputs.shape[2:])
        losses = {}
        for name, own in found.items():
            weight = self.configs[name].loss_weight
            losses |= add_prefix(_weighted(own, weight), name)
        between = self.cooperation_losses(kept, data_samples)
        return losses | add_prefix(between, 'cooperation')

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the selected prediction.

        Args:
            inputs: Images, (N, C, H, W).
            batch_img_metas: Meta information of each image.

        Returns:
            Logits at the size of the input, (N, num_classes, H, W).
        """
        return self._join(
            self.networks_inference(inputs, batch_img_metas, self._predicting())
        )

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: OptSampleList = None
    ) -> SampleList:
        """Classes of logits, as ``EncoderDecoder`` makes them.

        Raises:
            ValueError: If a logit is not finite.
        """
        metas = [sample.metainfo for sample in data_samples or ()]
        check_finite({'': seg_logits}, metas or [{}] * len(seg_logits))
        return super().postprocess_result(seg_logits, data_samples)

    def all_logits(
        self, inputs: Tensor, batch_img_metas: list[dict]
    ) -> dict[str, Tensor]:
        """Logits of every network and of their ``mean``, (N, num_classes, H, W)."""
        names = self.plan.networks
        logits = self.networks_inference(inputs, batch_img_metas, names)
        return dict(zip(names, logits, strict=True)) | {MEAN: self._join(logits)}

    def networks_inference(
        self,
        inputs: Tensor,
        batch_img_metas: list[dict],
        names: Sequence[str],
        resized: bool = True,
    ) -> list[Tensor]:
        """Logits of several networks, in ``whole`` or ``slide`` mode.

        Args:
            inputs: Images, (N, C, H, W).
            batch_img_metas: Meta information of each image.
            names: The networks.
            resized: Whether logits have the size of the input in ``whole`` mode; if
                not, they have that of the head's output.

        Returns:
            Logits, (N, num_classes, H, W), for each name.
        """
        mode = self.test_cfg.mode
        if mode == 'whole':
            return self._encode_decode(inputs, batch_img_metas, names, resized)
        expect_mode(mode)

        def encode_decode(window: Tensor) -> list[Tensor]:
            size = window.shape[2:]
            metas = [{**meta, 'img_shape': size} for meta in batch_img_metas]
            return self._encode_decode(window, metas, names)

        return slide(
            encode_decode, inputs, self.test_cfg.crop_size, self.test_cfg.stride
        )

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the selected prediction, (N, num_classes, H, W)."""
        return self._join(
            self._encode_decode(inputs, batch_img_metas, self._predicting())
        )

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Feature maps of the predicting network, the last one's for ``mean``."""
        name = self._predicting()[-1]

        def call(name: str) -> Any:
            return self.networks[name].extract_feat(self.image_of(inputs, name))

        parts = 'backbone', 'neck'
        return self._run(call, [name], inputs.shape[2:], parts=parts)[name]

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        """The network's raw output; with ``mean``, logits of the mean, (N, C, h, w).

        Of networks whose logits differ in size, those of the mean have the largest.
        """

        def call(name: str) -> Any:
            return self.networks[name](self.image_of(inputs, name))

        outputs = self._run(call, self._predicting(), inputs.shape[2:])
        if len(outputs) == 1:
            return outputs[self.predict_with]
        logits = [first(output) for output in outputs.values()]
        return self._join(at_largest(logits, self.align_corners))

    def _encode_decode(
        self,
        inputs: Tensor,
        batch_img_metas: list[dict],
        names: Sequence[str],
        resized: bool = True,
    ) -> list[Tensor]:
        def call(name: str) -> Tensor:
            network, image = self.networks[name], self.image_of(inputs, name)
            if resized:
                return network.encode_decode(image, batch_img_metas)
            return small_logits(network, image, batch_img_metas)

        found = self._run(call, names, inputs.shape[2:])
        return [found[name] for name in names]

    def _run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._ensure_weights()
        return self.plan.run(*args, **kwargs)

    def _ensure_weights(self) -> None:
        if self._initial_weights is not None:
            self._initial_weights.ensure(self)

    def image_of(self, inputs: Tensor, name: str) -> Tensor:
        """The channels that a network sees of preprocessed images, (N, C, H, W)."""
        channels = self._channels.get(name)
        return inputs if channels is None else inputs[:, channels]

    def _frozen_grad(self, name: str) -> AbstractContextManager:
        """No gradients in a frozen network, unless a connector that is trained does."""
        fed = any(target.network == name for target in self.plan.learning)
        return nullcontext() if fed else torch.no_grad()

    def _join(self, logits: list[Tensor]) -> Tensor:
        return logits[0] if len(logits) == 1 else mean_of_probabilities(logits)

    def _predicting(self) -> tuple[str, ...]:
        """The networks that the prediction needs."""
        names = self.plan.networks
        return names if self.predict_with == MEAN else (self.predict_with,)


def _weighted(losses: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Losses times their weight; what is only logged stays as it is."""
    return {
        key: value * weight if 'loss' in key and weight != 1 else value
        for key, value in losses.items()
    }
