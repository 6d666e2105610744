"""Names of the sites inside a head: what a dry run can't know."""

from collections.abc import Callable
from typing import NamedTuple

from mmseg.models.decode_heads import ASPPHead, DAHead, DepthwiseSeparableASPPHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from .site import TRUNK


class NamedSite(NamedTuple):
    """A site of a head.

    Attributes:
        name: Its name behind the head's, as in ``aspp``.
        address: Its address inside the head, as in ``bottleneck`` or ``dropout:in``.
        stream: ``trunk``, or a branch of its own.
        optional: Heads may lack it.
    """

    name: str
    address: str
    stream: str = TRUNK
    optional: bool = False


SiteRule = Callable[[nn.Module], list[NamedSite]]
_RULES: dict[type, SiteRule] = {}


def register_site_rule(head: type) -> Callable[[SiteRule], SiteRule]:
    """Name the sites of a head and its sub-classes.

    The rule is a function that is given a head and lists its sites. Of several with
    one name, the first that a dry run finds to be called once counts; that there is
    none is an error, unless it is optional. docs/extending.md has an example.
    """

    def register(rule: SiteRule) -> SiteRule:
        _RULES[head] = rule
        return rule

    return register


def named_sites(head: nn.Module) -> list[NamedSite]:
    """The sites that the rule of a head's nearest class names."""
    rules = (_RULES[cls] for cls in type(head).__mro__ if cls in _RULES)
    rule = next(rules, None)
    return rule(head) if rule else []


@register_site_rule(BaseDecodeHead)
def classified_feature(head: BaseDecodeHead) -> list[NamedSite]:
    """The feature map that is classified, before the classifier's dropout."""
    # Some heads have no dropout, or use it twice.
    inputs = ('dropout:in', 'conv_seg:in')
    return [NamedSite('feature', address, optional=True) for address in inputs]


@register_site_rule(DAHead)
def attention_streams(head: DAHead) -> list[NamedSite]:
    """DANet: "separate cooperative connections on each stream" (Section 4.3)."""
    return [NamedSite('pam', 'pam', 'pam'), NamedSite('cam', 'cam', 'cam')]


@register_site_rule(ASPPHead)
def aspp(head: ASPPHead) -> list[NamedSite]:
    """DeepLabV3: the ASPP output, which is classified."""
    return [NamedSite('aspp', 'bottleneck')]


@register_site_rule(DepthwiseSeparableASPPHead)
def aspp_and_decoder(head: DepthwiseSeparableASPPHead) -> list[NamedSite]:
    """DeepLabV3+: the ASPP output, and the decoder's, which is classified."""
    return [NamedSite('aspp', 'bottleneck'), NamedSite('decoder', 'sep_bottleneck')]
