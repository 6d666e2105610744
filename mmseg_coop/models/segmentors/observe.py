"""Look at the feature maps of a cooperative model while it runs."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..image_meta import image_meta
from ..plan import SiteRef
from ..sites import VisitorSlot, attach
from .cooperative_encoder_decoder import CooperativeEncoderDecoder
from .network_sites import find_network_sites


def observe(
    model: CooperativeEncoderDecoder,
    inputs: Tensor,
    observer: Callable[[SiteRef, Tensor], None],
) -> None:
    """Run all networks, and show the observer what each has at its sites.

    Args:
        model: The model.
        inputs: Preprocessed images, (N, C, H, W).
        observer: Called with a site and the network's own feature map there,
            (N, C, H, W), before anything is fused.
    """
    plan, networks = model.plan, model.networks
    if not plan.connections and not any(plan.sites.values()):
        asked = {name: [] for name in networks}
        plan.sites = find_network_sites(
            networks, model.configs, model.data_preprocessor, asked, 'connections'
        )
    size = inputs.shape[2:]
    metas = [image_meta(size)] * len(inputs)

    def call(name: str) -> Any:
        return networks[name].encode_decode(model.image_of(inputs, name), metas)

    def look(network: str, site: str, feature: Tensor) -> Tensor:
        ref = SiteRef(network, site)
        observer(ref, plan.site(ref).to_map(feature, size))
        return feature

    slot = VisitorSlot()
    slot.visitor = look
    handles = attach(networks, plan.sites, slot, first=True)
    try:
        plan.run(call, plan.networks, size)
    finally:
        for handle in handles:
            handle.remove()
