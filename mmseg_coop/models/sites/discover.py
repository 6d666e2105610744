"""Find the sites of a network by dry runs, without code for any family."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ..heads import last_head
from ..meta_copy import on_meta_or_cpu
from .describe import Describer
from .dry_run import DryRun
from .dry_run_record import feature_maps, found_in
from .head_sites import NamedSite, named_sites
from .site import LOGITS, TRUNK, Address, Site

_PARTS = ('backbone', 'neck', 'decode_head')

# A backbone with one output level has this many sites, at regular depths.
_DEPTHS = 4


def find_sites(
    network: nn.Module,
    image_shape: tuple[int, int, int],
    wanted: Sequence[str] = (),
) -> dict[str, Site]:
    """List the sites of a network in the order in which it reaches them.

    Of a backbone, the site of an output level is the last module, called once, with
    the level's shape that this level and a later one depend on; the last level is a
    site itself. A backbone with one level has sites at regular depths. A neck's sites
    are its output levels, a head's are named by a rule (:func:`register_site_rule`).

    Args:
        network: A segmentor; it stays as it is.
        image_shape: C, H and W of an image that it takes.
        wanted: Addresses of further sites; ``logits`` is what the decode head predicts
            with.

    Returns:
        The sites by name, the wanted ones by their address.

    Raises:
        ValueError: If a wanted site can't be one.
    """
    head, path = _head(network)
    asked = [
        site._replace(name=f'{path}.{site.name}', address=f'{path}.{site.address}')
        for site in named_sites(head)
    ]
    known = {LOGITS, *(site.name for site in asked)}
    asked += [NamedSite(name, name) for name in wanted if name not in known]
    addresses = [Address.parse(site.address) for site in asked]
    inputs_of = [address.module for address in addresses if address.at_input]
    describer = on_meta_or_cpu(
        lambda device: Describer(DryRun(network, image_shape, inputs_of, device))
    )
    found = [*_backbone_sites(network, describer), *_neck_sites(describer)]
    names = {str(address): (address, TRUNK) for address in found}
    problems = {}
    for site, address in zip(asked, addresses, strict=True):
        problem = describer.problem(address)
        if not problem:
            names.setdefault(site.name, (address, site.stream))
        elif site.name in wanted or not site.optional:
            problems[site.name] = f"site '{address}' {problem}"
    for name, problem in problems.items():
        if name not in names:
            hint = f"; all sites of this part: sites='{name}'" if name in _PARTS else ''
            raise ValueError(problem + hint)
    places = {name: address for name, (address, _) in names.items()}
    sites = [
        describer.site(name, address, stream, places)
        for name, (address, stream) in names.items()
    ]
    if LOGITS in wanted:
        sites.append(_logits_site(network, describer, places))
    sites.sort(key=lambda site: describer.order(site.address))
    return {site.name: site for site in sites}


def _head(network: nn.Module) -> tuple[nn.Module, str]:
    """The decode head that predicts, and its path."""
    head = last_head(network)
    return head, next(name for name, m in network.named_modules() if m is head)


def _logits_site(
    network: nn.Module, describer: Describer, sites: Mapping[str, Address]
) -> Site:
    """The last module of the head that gives logits, behind which nothing has weights.

    It has a stream of its own: patterns leave it out.
    """
    head, path = _head(network)
    channels = network.out_channels
    seen = describer.predicted.seen
    inside = [a for a in seen if a.is_in(path) and not a.at_input and a.module != path]
    for address in sorted(inside, key=describer.order, reverse=True):
        layouts = describer.layouts(address)
        if describer.problem(address) or layouts[0].shape[0] != channels:
            continue
        site = describer.site(LOGITS, address, LOGITS, sites)
        if site.used and not site.deep:
            return site
    raise ValueError(
        f'site {LOGITS!r}: no module of the {type(head).__name__} gives its logits, '
        f'expected one that is called once and returns (N, {channels}, H, W), as '
        'conv_seg does in other heads'
    )


def _backbone_sites(network: nn.Module, describer: Describer) -> list[Address]:
    record = describer.training
    # Without a class token, (N, C), beside a level.
    levels = [x for _, x in feature_maps(record.outputs['backbone']) if x.ndim == 4]
    outputs = (s for s in record.seen.values() if not s.address.at_input)
    seen = [s for s in outputs if s.address.is_in('backbone')]
    usable = {s.address for s in seen if not describer.problem(s.address)}
    needed = [{s.address for s in found_in([level], seen)} for level in levels]
    if len(levels) == 1:
        found = _at_depths(network, [a for a in needed[0] if a in usable])
        if found and _fits(describer, found[-1], levels[0]):
            return found
        return found + _last(describer, usable & needed[0], levels[0])
    sites: list[Address] = []
    for i, (level, own) in enumerate(zip(levels, needed, strict=True)):
        deeper = (s for j, s in enumerate(needed) if (len(s), j) > (len(own), i))
        shared = sorted(usable & own & set().union(*deeper), key=describer.order)
        fitting = [a for a in shared if _fits(describer, a, level)]
        sites += (fitting or shared)[-1:] or _last(describer, usable & own, level)
    return list(dict.fromkeys(sites))


def _last(describer: Describer, usable: set[Address], level: Tensor) -> list[Address]:
    """The module that returned a level, or else the level itself."""
    record = describer.training
    returned = [x for _, x in feature_maps(record.returned['backbone'])]
    fitting = sorted(
        (a for a in usable if _fits(describer, a, level)), key=describer.order
    )
    inner = [a for a in fitting if a.module != 'backbone']
    pools = (
        [a for a in inner if any(record.seen[a].feature is x for x in returned)],
        [a for a in fitting if a.module == 'backbone'],
        inner,
    )
    return next((pool[-1:] for pool in pools if pool), [])


def _fits(describer: Describer, address: Address, level: Tensor) -> bool:
    shapes = (layout.shape for layout in describer.layouts(address))
    return tuple(level.shape[1:]) in shapes


def _at_depths(network: nn.Module, usable: Sequence[Address]) -> list[Address]:
    """Sites at regular depths of the largest run of alike modules, as in a ViT."""
    modules: Mapping[str, nn.Module] = dict(network.named_modules())
    runs: dict[tuple, list[Address]] = defaultdict(list)
    order = {name: i for i, name in enumerate(modules)}
    for address in sorted(usable, key=lambda a: order[a.module]):
        parent, kind = address.module.rpartition('.')[0], type(modules[address.module])
        runs[parent, kind, address.index].append(address)

    def weights(run: list[Address]) -> int:
        found = (p for a in run for p in modules[a.module].parameters())
        return sum(p.numel() for p in found)

    longer = [run for run in runs.values() if len(run) > 1]
    if not longer:
        return []
    run = max(longer, key=weights)
    count = min(_DEPTHS, len(run))
    return [run[-(-(i + 1) * len(run) // count) - 1] for i in range(count)]


def _neck_sites(describer: Describer) -> list[Address]:
    found = [
        Address('neck', index=index)
        for index, _ in feature_maps(describer.training.outputs.get('neck'))
    ]
    return [address for address in found if not describer.problem(address)]
