"""The segmentor: several networks that share feature maps while they train."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ..data_preprocessors import data_preprocessor_for
from ..expect import expect_bool, expect_dict
from ..finite import check_finite
from ..heads import last_head
from ..losses import CooperationLosses, weighted
from ..mean_of_probabilities import MEAN, mean_of_probabilities
from ..plan import SiteRef
from .build_plan import build_plan
from .check_test_cfg import check_test_cfg, expect_mode
from .image_shape import in_channels
from .init_checkpoints import load_connections
from .init_on_first_run import InitialWeights
from .network_configs import read_networks
from .networks import Networks
from .small_logits import at_largest, first, small_logits


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

    Gradients of Loss2 also reach ``top`` (``detach=True`` stops them); Loss1 never
    reaches ``bottom``. By default [fuse] is a ``CoopConnector``: a 1x1 convolution of
    both feature maps that starts as the identity, so that the pair starts as the
    ensemble.

    Each network is an ordinary segmentor that runs its own ``loss`` and
    ``encode_decode``. Which feature map goes where is the plan: a list of connections,
    checked when the model is built. ``plan.run`` runs networks one after the other,
    those that others read first. Hooks at the sites of connections show it what a
    network has there, and put the fused feature map in its place.

    1. ``loss`` runs all networks and sums their losses, Eq. (1), and losses between
    networks:

    .. code:: text

        loss(): plan.run(network.loss for each network)
                -> cooperation_losses(what networks have at sites)

    2. ``predict`` runs only what the prediction needs: predicting with ``bottom``
    runs ``top`` no further than its last connected site, predicting with ``top``
    leaves ``bottom`` out.

    .. code:: text

        EncoderDecoder.predict(): inference() -> postprocess_result()
        inference(): whole or slide -> plan.run(network.encode_decode of the needed)
                     -> mean_of_probabilities() if predict='mean'

    In a validation or test ``CoopValLoop`` and ``CoopTestLoop`` call
    ``predict_labels`` instead, for label maps of all networks in one run.

    3. ``_forward`` returns the network's raw output, for tools that call the model
    with ``mode='tensor'``, such as MMSegmentation's ``get_flops.py``.

    Args:
        test_cfg: As in ``EncoderDecoder`` (``mode``, ``crop_size``, ``stride``), and
            ``predict``: the selected prediction, that of a network or ``mean`` (of
            the probabilities). Default: ``mean`` of networks that are not connected,
            otherwise the last one that receives feature maps and sends none.
        data_preprocessor: As in ``EncoderDecoder``.
        connections: None (a plain ensemble), ``dict(pattern='same', ...)`` or a list of
            ``dict(source='top.backbone.layer3', target='bottom.backbone.layer3')``;
            see :func:`read_connections` for their options.
        cooperation_losses: As in ``[dict(type='MutualLoss', weight=0.5)]``.
        networks: Options of single networks, by name or in a list; see
            :func:`read_networks`.
        num_networks: Number of networks with one config. Default: 2. Two are named
            ``top`` and ``bottom``, more ``net1``, ``net2``, ...
        network_type: Class of the networks. Default: ``CascadeEncoderDecoder`` if
            ``num_stages`` is given, otherwise ``EncoderDecoder``.
        networks_init: ``init`` of all networks, as a list.
        loss_weights: ``loss_weight`` of all networks, as a list. Default: 1 for each.
        with_cp: Compute activations of heads, losses, connectors and a ResNet's blocks
            again in the backward pass, for less memory and the same gradients.
        **common: What networks have in common: ``backbone``, ``decode_head``, ``neck``
            and all other arguments of their class.

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
        test_cfg: dict | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        connections: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        cooperation_losses: Sequence[Mapping[str, Any]] | None = None,
        networks: Mapping[str, Any] | Sequence[Any] | None = None,
        num_networks: int | None = None,
        network_type: str | type | None = None,
        networks_init: Sequence[str | None] | None = None,
        loss_weights: Sequence[float] | None = None,
        with_cp: bool = False,
        **common: Any,
    ):
        options = {'type': network_type, **common}
        options = {key: value for key, value in options.items() if value is not None}
        configs = read_networks(
            options, networks, num_networks, networks_init, loss_weights
        )
        expect_dict('test_cfg', test_cfg)
        expect_bool('with_cp', with_cp)
        test_cfg = ConfigDict({'mode': 'whole', **(test_cfg or {})})
        built = Networks(configs, test_cfg, with_cp)
        counts = {name: in_channels(network) for name, network in built.items()}
        preprocessor, seen = data_preprocessor_for(data_preprocessor, configs, counts)
        # Not EncoderDecoder's: it would build one network in this module's place.
        BaseSegmentor.__init__(self, preprocessor)
        self._channels = seen
        self.train_cfg, self.test_cfg = options.get('train_cfg'), test_cfg
        self.configs, self.networks = configs, built
        one = next(iter(built.values()))
        self.align_corners = one.align_corners
        self.num_classes, self.out_channels = one.num_classes, one.out_channels
        losses = CooperationLosses(cooperation_losses, built.loss_options())
        self.cooperation_losses = losses
        self.plan = build_plan(
            connections, losses.reads, built, configs, self.data_preprocessor, with_cp
        )
        default = self.plan.default_prediction if self.plan.connections else MEAN
        self.predict_with = test_cfg.get('predict', default)
        check_test_cfg(test_cfg, self.predict_with, (*configs, MEAN))
        self._initial_weights = InitialWeights(self, missing=bool(built.inits))

    @property
    def decode_head(self) -> nn.Module:
        """Decode head of the selected prediction, the last network's for ``mean``."""
        return last_head(self.networks[self._predicting()[-1]])

    def init_weights(self) -> None:
        """Initialise all, or load the networks' ``init`` with their connections."""
        super().init_weights()
        load_connections(self.plan, self.networks.origins, self.networks.inits)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Refuse checkpoints of other models, of which a tool may only log the names.

        Raises:
            ValueError: If there are weights, but none of a cooperative model.
        """
        weights = [key for key in state_dict if key.startswith(prefix)]
        own = tuple(f'{prefix}{name}.' for name in self._modules)
        if weights and not any(key.startswith(own) for key in weights):
            raise ValueError(
                f'none of the {len(weights)} weights fits a cooperative model, whose '
                f'names begin with networks.{next(iter(self.networks))}; weights of '
                'single networks are loaded by model.networks_init=[a.pth,b.pth]'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of all networks and between them; MMEngine sums them, Eq. (1).

        Args:
            inputs: Images, (N, C, H, W).
            data_samples: With ``gt_sem_seg``, (1, H, W) each.

        Returns:
            Losses and accuracies, as ``top.decode.loss_ce`` and
            ``cooperation.loss_mutual_top_bottom``.
        """

        trained, loss_sites = self.networks.trained, self.plan.loss_sites

        def call(name: str, image: Tensor) -> Any:
            network = self.networks[name]
            if name in trained:
                return network.loss(image, data_samples)
            # A frozen network is only read, and ends at its last site. It needs
            # gradients only where a connector in it is trained.
            fed = any(target.network == name for target in self.plan.trained_targets)
            metas = [sample.metainfo for sample in data_samples]
            with nullcontext() if fed else torch.no_grad():
                return network.encode_decode(image, metas)

        found = self._run(call, (*trained, *loss_sites), inputs)
        losses = {}
        for name in trained:
            weight = self.configs[name].loss_weight
            losses |= add_prefix(weighted(found[name], weight), name)
        # Their weights are applied inside.
        features = {site: found[site] for site in loss_sites}
        between = self.cooperation_losses(features, data_samples)
        return losses | add_prefix(between, 'cooperation')

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the selected prediction, (N, num_classes, H, W)."""
        names = self._predicting()
        logits = self.networks_inference(inputs, batch_img_metas, names)
        return mean_of_probabilities(logits)

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: OptSampleList = None
    ) -> SampleList:
        """Classes of logits, as ``EncoderDecoder`` makes them, if all are finite."""
        metas = [sample.metainfo for sample in data_samples or ()]
        check_finite({'': seg_logits}, metas or [{}] * len(seg_logits))
        return super().postprocess_result(seg_logits, data_samples)

    def all_logits(
        self, inputs: Tensor, batch_img_metas: list[dict]
    ) -> dict[str, Tensor]:
        """Logits of every network and of their ``mean``, (N, num_classes, H, W)."""
        names = self.plan.networks
        logits = self.networks_inference(inputs, batch_img_metas, names)
        logits.append(mean_of_probabilities(logits))
        return dict(zip((*names, MEAN), logits, strict=True))

    def networks_inference(
        self,
        inputs: Tensor,
        batch_img_metas: list[dict],
        names: Sequence[str],
        resized: bool = True,
    ) -> list[Tensor]:
        """Logits of several networks, (N, num_classes, H, W), by ``test_cfg.mode``.

        In ``whole`` mode they have the size of the input where they are ``resized``,
        otherwise that of the head's output.
        """
        expect_mode(self.test_cfg.mode)
        if self.test_cfg.mode == 'whole':
            return self._logits(inputs, batch_img_metas, names, resized)

        def joined(window: Tensor, metas: list[dict]) -> Tensor:
            return torch.cat(self._logits(window, metas, names), dim=1)

        # The host's windows and average, of all networks' logits at once.
        channels = len(names) * self.out_channels
        network = SimpleNamespace(
            test_cfg=self.test_cfg, out_channels=channels, encode_decode=joined
        )
        metas = [dict(meta) for meta in batch_img_metas]
        found = EncoderDecoder.slide_inference(network, inputs, metas)
        return list(found.chunk(len(names), dim=1))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the selected prediction for whole images or a window of each."""
        logits = self._logits(inputs, batch_img_metas, self._predicting())
        return mean_of_probabilities(logits)

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Feature maps of the predicting network, the last one's for ``mean``."""
        wanted, parts = self._predicting()[-1], ('backbone', 'neck')

        def call(name: str, image: Tensor) -> Any:
            # It may read what others have in their heads.
            network = self.networks[name]
            return network.extract_feat(image) if name == wanted else network(image)

        return self._run(call, [wanted], inputs, parts)[wanted]

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        """The network's raw output; with ``mean``, logits of the mean, (N, C, h, w).

        Of networks whose logits differ in size, those of the mean have the largest.
        """
        found = self._run(
            lambda name, image: self.networks[name](image), self._predicting(), inputs
        )
        outputs = list(found.values())
        if len(outputs) == 1:
            return outputs[0]
        logits = at_largest(list(map(first, outputs)), self.align_corners)
        return mean_of_probabilities(logits)

    def _logits(
        self, inputs: Tensor, metas: list[dict], names: Sequence[str], resized=True
    ) -> list[Tensor]:
        def call(name: str, image: Tensor) -> Tensor:
            network = self.networks[name]
            if resized:
                return network.encode_decode(image, metas)
            return small_logits(network, image, metas)

        return list(self._run(call, names, inputs).values())

    def _run(
        self,
        call: Callable[[str, Tensor], Any],
        outputs: Sequence[str | SiteRef],
        inputs: Tensor,
        parts: Sequence[str] | None = None,
    ) -> dict[str | SiteRef, Any]:
        """``plan.run``, with each network called with the image that it sees."""
        self._initial_weights.ensure(self)
        return self.plan.run(
            lambda name: call(name, self.image_of(inputs, name)),
            outputs,
            inputs.shape[2:],
            parts,
        )

    def image_of(self, inputs: Tensor, name: str) -> Tensor:
        """The channels that a network sees of preprocessed images, (N, C, H, W)."""
        own = self._channels.get(name)
        return inputs if own is None else inputs[:, own]

    def _predicting(self) -> tuple[str, ...]:
        """The networks that the prediction needs."""
        names = self.plan.networks
        return names if self.predict_with == MEAN else (self.predict_with,)
