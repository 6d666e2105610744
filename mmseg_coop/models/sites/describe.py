"""Describe sites by the feature maps that dry runs found at them."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property

from .dry_run import DryRun
from .dry_run_record import Record, Seen, depends
from .layout import Layout, layouts_of
from .site import Address, Site


class Describer:
    """Describe what is at an address, and why it can't be a site."""

    def __init__(self, run: DryRun):
        self.run = run
        self.training = run.training()
        self.predicted, self.logits = run.prediction()

    def problem(self, address: Address) -> str | None:
        """Reason why an address is no site, or None."""
        modules = list(self.run.names.values())
        if address.module not in modules:
            near = get_close_matches(address.module, modules)
            hint = f'; did you mean {" or ".join(near)}?' if near else ''
            return f'is no module of the network{hint}'
        modes = {'training': self.training, 'prediction': self.predicted}
        for mode, record in modes.items():
            count = record.calls[address.module]
            if count == 0 and record.complete:
                return f'is not called in {mode}; expected a module that is, once'
            if count > 1:
                return f'is called {count} times in {mode}; expected once'
        if address.module in self.run.recomputed:
            return (
                'is inside a region that is computed again in the backward pass '
                '(with_cp); expected a module outside, such as the one that holds it'
            )
        if not self.layouts(address):
            return (
                'has no feature map; expected (N, C, H, W), (N, H, W, C) or tokens '
                '(N, L, C) of a grid'
            )
        return None

    def layouts(self, address: Address) -> list[Layout]:
        """Possible layouts of the tensor at an address, the likeliest first."""
        found = [
            layouts_of(record.seen[address].feature, record.size)
            if address in record.seen
            else []
            for record in (self.training, self.predicted)
            if record.calls[address.module]
        ]
        return [x for x in found[0] if all(x in others for others in found[1:])]

    def _layout(self, address: Address) -> Layout:
        """Choose the layout that images of another shape have, too."""
        layouts = self.layouts(address)
        if len(layouts) > 1 and self._widened and address in self._widened.seen:
            wide = self._widened.seen[address].feature
            names = {layout.name for layout in layouts_of(wide, self._widened.size)}
            layouts = [x for x in layouts if x.name in names] or layouts
        return layouts[0]

    @cached_property
    def _widened(self) -> Record | None:
        """A dry run with wider images, None if the network takes one size only."""
        height, width = self.run.size
        try:
            return self.run.resized((height, 2 * width)).prediction()[0]
        except (AssertionError, RuntimeError, ValueError):
            return None

    def order(self, address: Address) -> int:
        """The place of an address in the order in which a network reaches them."""
        return self._seen(address)[1].order

    def site(self, name: str, address: Address, stream: str) -> Site:
        """Describe the site at an address that has no problem."""
        layout = self._layout(address)
        record, seen = self._seen(address)
        records = [r for r in (self.training, self.predicted) if address in r.seen]
        part = address.module.partition('.')[0]
        later = [
            output
            for module, order, output in record.weighted
            if order > seen.order and module.partition('.')[0] == part
        ]
        used = True
        if self.logits and address in self.predicted.seen:
            used = depends(self.logits, [self.predicted.seen[address].probe])[0]
        return Site(
            name=name,
            address=address,
            stream=stream,
            channels=layout.shape[0],
            stride=layout.stride,
            layout=layout.name,
            extra_tokens=layout.extra_tokens,
            deep=depends(later, [seen.probe])[0],
            used=used,
            overwritten=any(_is_overwritten(r, r.seen[address]) for r in records),
        )

    def with_feeds(self, sites: Sequence[Site]) -> list[Site]:
        """The sites of a network, with the others that depend on each."""
        feeds: dict[str, set[str]] = {site.name: set() for site in sites}
        for record in (self.training, self.predicted):
            inside = [site for site in sites if site.address in record.seen]
            probes = [record.seen[site.address].probe for site in inside]
            for later in inside:
                found = depends([record.seen[later.address].feature], probes)
                for site, yes in zip(inside, found, strict=True):
                    if yes and site is not later:
                        feeds[site.name].add(later.name)
        return [replace(site, feeds=frozenset(feeds[site.name])) for site in sites]

    def _seen(self, address: Address) -> tuple[Record, Seen]:
        record = self.predicted if address in self.predicted.seen else self.training
        return record, record.seen[address]


def _is_overwritten(record: Record, seen: Seen) -> bool:
    """Tell whether a feature map is changed in place, whatever its name."""
    storage = seen.feature.untyped_storage()._cdata
    return seen.feature._version != seen.version or any(
        _is_overwritten(record, other)
        for other in record.seen.values()
        if other.order > seen.order and other.source.untyped_storage()._cdata == storage
    )
