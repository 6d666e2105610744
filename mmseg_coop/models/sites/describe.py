"""Describe sites by the feature maps that dry runs found at them."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property

from .dry_run import DryRun
from .dry_run_record import Record, Seen, found_in
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
        if address.module not in self.run.modules:
            near = get_close_matches(address.module, self.run.modules)
            hint = f'; did you mean {" or ".join(near)}?' if near else ''
            return f'is no module of the network{hint}'
        modes = {'training': self.training, 'prediction': self.predicted}
        for mode, record in modes.items():
            count = record.calls[address.module]
            if count > 1 or (count == 0 and record.complete):
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

    def site(
        self, name: str, address: Address, stream: str, sites: Mapping[str, Address]
    ) -> Site:
        """Describe the site at an address that has no problem.

        ``sites`` are the addresses of the network's sites.
        """
        layout = self._layout(address)
        record, seen = self._seen(address)
        records = [r for r in (self.training, self.predicted) if address in r.seen]
        part = address.module.partition('.')[0]
        later = [
            output
            for module, order, output in record.weighted
            if order > seen.order and module.partition('.')[0] == part
        ]
        needs: set[Address] = set()
        for one in records:
            others = [one.seen[a] for a in sites.values() if a in one.seen]
            found = found_in([one.seen[address].feature], others)
            needs |= {other.address for other in found}
        unknown = not self.logits or address not in self.predicted.seen
        return Site(
            name=name,
            address=address,
            stream=stream,
            channels=layout.shape[0],
            stride=layout.stride,
            layout=layout.name,
            extra_tokens=layout.extra_tokens,
            deep=bool(found_in(later, [seen])),
            used=unknown or bool(found_in(self.logits, [seen])),
            needs=frozenset(k for k, a in sites.items() if k != name and a in needs),
            overwritten=any(_is_overwritten(r, r.seen[address]) for r in records),
        )

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
