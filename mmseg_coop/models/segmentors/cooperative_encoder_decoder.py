"""The segmentor: several networks that share feature maps while they train."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import ModuleDict
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ...engine.checkpoint import load_weights
from ..expect import expect_bool, expect_dict
from ..plan import Observer, Plan, build_connections
from ..recompute import recompute_modules, recompute_networks
from ..sites import find_sites, forward_head, head_logits, head_loss, head_predict
from .combine import MEAN, mean_of_probabilities, slide
from .options import (
    check_test_cfg,
    network_names,
    read_loss_weights,
    read_networks_init,
)


@MODELS.register_module()
class CooperativeEncoderDecoder(EncoderDecoder):
    """Networks trained at the same time while they share feature maps.

    "We use two same networks and paths for sending feature maps between two
    networks" (Ikedo & Hotta, VISAPP 2021):

    .. code:: text

        image -+-> top     layer1 ... layer4 - head -> Loss1
               |             |          |       |
               |           [fuse]     [fuse]  [fuse]    CoopConnector at each site
               |             v          v       v
               +-> bottom  layer1 ... layer4 - head -> Loss2      Loss1 + Loss2

    Each network is an ordinary ``EncoderDecoder``. Which feature map goes where is
    the plan: a list of connections, checked when the model is built.

    1. ``loss`` runs all networks and sums their losses, Eq. (1):

    .. code:: text

        loss(): plan.run(all networks) -> head_loss() and auxiliary losses of each

    2. ``predict`` runs only what the prediction needs: predicting with ``bottom``
    runs ``top`` no further than its last connected site, predicting with ``top``
    leaves ``bottom`` out.

    .. code:: text

        predict(): inference() -> postprocess_result()
        inference(): whole or slide -> plan.run(needed networks) -> head_predict()
                     -> mean_of_probabilities() if predict='mean'

    3. ``_forward`` returns the head's raw output, for export and FLOPs counting.

    Args:
        backbone: As in ``EncoderDecoder``, like ``decode_head``, ``neck``,
            ``auxiliary_head``, ``train_cfg``, ``data_preprocessor``, ``pretrained``
            and ``init_cfg``: every network is built with them.
        test_cfg: As in ``EncoderDecoder`` (``mode``, ``crop_size``, ``stride``), and
            ``predict``: whose prediction counts, a network's name or ``mean`` (of
            the probabilities). Default: the last network if networks are connected,
            otherwise ``mean``.
        connections: None (a plain ensemble); ``dict(pattern='same' | 'multi',
            sites=None, connector=dict(type='CoopConnector'),
            aggregation=dict(type='CoopAggregation'), mix_streams=False)``; or a list
            of ``dict(source='top.backbone.layer3', target='bottom.backbone.layer3',
            ...)`` with the same further keys. A list of sources is aggregated.
        num_networks: Number of networks, at least 2. Two are named ``top`` and
            ``bottom``, more ``net1``, ``net2``, ...; in a pattern each reads the
            one before it.
        networks_init: A checkpoint of the single network for each network, or None
            for one that starts as the config says.
        loss_weights: Weight of each network's losses. Default: 1 for each.
        with_cp: Train in less memory and more time: activations inside of a ResNet's
            blocks, heads, losses and connectors are computed again in the backward
            pass; losses and gradients stay the same. Other backbones have a
            ``with_cp`` of their own.

    Attributes:
        networks: ``ModuleDict`` of the networks by name.
        connectors: ``ModuleDict`` of the connectors by target site.
        aggregations: ``ModuleDict`` of the aggregations of several sources.
        plan: The connections between the networks.

    Raises:
        ValueError: If an option is unknown or connections can't be carried out; the
            message names the config key, what was found and what was expected.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict,
        neck: dict | None = None,
        auxiliary_head: dict | list[dict] | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | list[dict] | None = None,
        connections: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        num_networks: int = 2,
        networks_init: Sequence[str | None] | None = None,
        loss_weights: Sequence[float] | None = None,
        with_cp: bool = False,
    ):
        # Not EncoderDecoder's: it would build one network in this module's place.
        BaseSegmentor.__init__(self, data_preprocessor)
        self.train_cfg = train_cfg
        expect_dict('test_cfg', test_cfg)
        expect_bool('with_cp', with_cp)
        self.test_cfg = ConfigDict({'mode': 'whole', **(test_cfg or {})})
        network = {
            'type': EncoderDecoder,
            'backbone': backbone,
            'decode_head': decode_head,
            'neck': neck,
            'auxiliary_head': auxiliary_head,
            'train_cfg': train_cfg,
            'test_cfg': self.test_cfg,
            'pretrained': pretrained,
            'init_cfg': init_cfg,
        }
        names = network_names(num_networks)
        self.networks = ModuleDict(
            {name: MODELS.build(copy.deepcopy(network)) for name in names}
        )
        first = self.networks[names[0]]
        self.align_corners = first.align_corners
        self.num_classes = first.num_classes
        self.out_channels = first.out_channels

        self.plan = Plan(connections, names, find_sites(first))
        self.connectors, self.aggregations = build_connections(
            self.plan, self.align_corners
        )

        default = names[-1] if self.plan.connections else MEAN
        self.predict_with = self.test_cfg.get('predict', default)
        self.networks_init = read_networks_init(networks_init, names)
        self.loss_weights = read_loss_weights(loss_weights, names)
        check_test_cfg(self.test_cfg, self.predict_with, (*names, MEAN))
        if with_cp:
            recompute_networks(self.networks.values())
            recompute_modules(self.connectors.values())
            recompute_modules(self.aggregations.values())

    @property
    def decode_head(self) -> nn.Module:
        """The decode head whose prediction counts, the last network's for ``mean``."""
        return self.networks[self._predicting()[-1]].decode_head

    def init_weights(self) -> None:
        """Initialise each network on its own, or load its ``networks_init``."""
        for name, checkpoint in self.networks_init.items():
            if checkpoint is not None:
                load_weights(self.networks[name], checkpoint, f'networks_init: {name}')
                self.networks[name].is_init = True
        super().init_weights()

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of all networks; MMEngine sums them: Loss1 + Loss2, Eq. (1).

        Args:
            inputs: Images, (N, C, H, W).
            data_samples: With ``gt_sem_seg``, (1, H, W) each.

        Returns:
            Losses and accuracies, named as in ``top.decode.loss_ce``.
        """
        losses = {}
        for name, walked in self._run(inputs, self.plan.networks).items():
            network = self.networks[name]
            own = add_prefix(
                head_loss(network.decode_head, walked, data_samples, self.train_cfg),
                'decode',
            )
            if network.with_auxiliary_head:
                own |= network._auxiliary_head_forward_train(
                    walked.features, data_samples
                )
            losses |= add_prefix(_weighted(own, self.loss_weights[name]), name)
        return losses

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the prediction that counts.

        Args:
            inputs: Images, (N, C, H, W).
            batch_img_metas: Meta information of each image.

        Returns:
            Logits at the size of the input, (N, num_classes, H, W).
        """
        return self._join(
            self.networks_inference(inputs, batch_img_metas, self._predicting())
        )

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
        if self.test_cfg.mode == 'whole':
            return self._encode_decode(inputs, batch_img_metas, names, resized)

        def encode_decode(window: Tensor) -> list[Tensor]:
            metas = [{**batch_img_metas[0], 'img_shape': window.shape[2:]}]
            return self._encode_decode(window, metas, names)

        return slide(
            encode_decode, inputs, self.test_cfg.crop_size, self.test_cfg.stride
        )

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the prediction that counts, (N, num_classes, H, W)."""
        return self._join(
            self._encode_decode(inputs, batch_img_metas, self._predicting())
        )

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Feature maps of the predicting network, the last one's for ``mean``."""
        names = self._predicting()
        return self._run(inputs, names)[names[-1]].features

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Any:
        """The head's raw output; with ``mean``, logits of the mean, (N, C, h, w)."""
        outputs = [
            forward_head(self.networks[name].decode_head, walked)
            for name, walked in self._run(inputs, self._predicting()).items()
        ]
        if len(outputs) == 1:
            return outputs[0]
        # A head with several classifiers predicts with the first.
        return self._join([x[0] if isinstance(x, tuple) else x for x in outputs])

    def observe(self, inputs: Tensor, observer: Observer) -> None:
        """Run all networks, and show the observer what each has at its sites.

        Args:
            inputs: Preprocessed images, (N, C, H, W).
            observer: Called with a site and the network's own feature map there.
        """
        self._run(inputs, self.plan.networks, observer)

    def _run(
        self, inputs: Tensor, names: Sequence[str], observer: Observer | None = None
    ) -> dict:
        return self.plan.run(
            self.networks, self.connectors, self.aggregations, inputs, names, observer
        )

    def _encode_decode(
        self,
        inputs: Tensor,
        batch_img_metas: list[dict],
        names: Sequence[str],
        resized: bool = True,
    ) -> list[Tensor]:
        walked = self._run(inputs, names)
        logits = head_predict if resized else head_logits
        return [
            logits(
                self.networks[name].decode_head,
                walked[name],
                batch_img_metas,
                self.test_cfg,
            )
            for name in names
        ]

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
