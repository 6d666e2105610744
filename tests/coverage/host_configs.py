"""Build every model that the host ships as a cooperative pair, and write a table.

Every model config of the installed MMSegmentation, and backbones of MMPretrain and
(where it is installed) timm, as a ``same`` and a ``multi`` pair on the meta device,
which takes no memory. Run by hand:

    python tests/coverage/host_configs.py --jobs 2 --out docs/coverage.md
"""

import argparse
import copy
import json
import logging
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from candidates import (
    Candidate,
    line,
    mmpretrain_backbones,
    mmseg_configs,
    timm_backbones,
)
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

import mmseg_coop  # noqa: F401  (registers the cooperative model)
from mmseg_coop.models.plan import Plan, read_connections

# What is the same to the sites of a network.
_ALIKE = {
    'align_corners',
    'class_weight',
    'data_preprocessor',
    'init_cfg',
    'loss_decode',
    'num_classes',
    'sampler',
    'test_cfg',
    'train_cfg',
}
_MULTI = dict(pattern='multi')
_linspace = torch.linspace


@dataclass
class Outcome:
    """Result of building a model.

    Attributes:
        plain: Why the plain model can't be built; empty if it can.
        pair: Why a pair can't be built; empty if it can.
        deep: The sites at which a ``same`` pair exchanges inside its backbones.
    """

    plain: str = ''
    pair: str = ''
    deep: tuple[str, ...] = ()


def _keep_on_cpu(*args: Any, **options: Any) -> torch.Tensor:
    """Backbones read their stochastic depth rates from it while they are built."""
    return _linspace(*args, **{**options, 'device': 'cpu'})


def check(candidate: Candidate) -> Outcome:
    """Build a model, and pairs of it."""
    if candidate.error:
        return Outcome(plain=candidate.error)
    torch.linspace = _keep_on_cpu
    plain = candidate.model
    pair = {
        **plain,
        'type': 'CooperativeEncoderDecoder',
        'network_type': plain['type'],
        'connections': dict(pattern='same'),
    }
    try:
        model = _build(pair)
        # The networks and their sites are those of the pair before.
        sites = model.plan.sites
        with torch.device('meta'):
            Plan(read_connections(_MULTI, sites), sites).attach(model.networks)
    except Exception as error:
        return _whose_error(plain, error)
    deep = tuple(
        ref.site
        for ref in model.plan.incoming
        if model.plan.site(ref).part == 'backbone' and model.plan.site(ref).deep
    )
    return Outcome(deep=deep)


def _build(config: dict) -> nn.Module:
    with torch.device('meta'):
        return MODELS.build(ConfigDict(copy.deepcopy(config)))


def _whose_error(plain: dict, error: Exception) -> Outcome:
    try:
        _build(plain)
    except Exception as own:
        return Outcome(plain=line(own))
    return Outcome(pair=line(error))


def architecture(candidate: Candidate) -> str:
    """Parts of a config that determine the sites.

    Sizes of images differ in what they leave when they are divided by a stride.
    """
    size = (candidate.model.get('data_preprocessor') or {}).get('size') or (0,)
    rest = [side % 32 for side in size]
    return json.dumps([_alike(candidate.model), rest, candidate.error], default=str)


def _alike(config: Any) -> Any:
    if isinstance(config, dict):
        items = sorted(config.items())
        return {key: _alike(value) for key, value in items if key not in _ALIKE}
    if isinstance(config, list | tuple):
        return [_alike(item) for item in config]
    return config


def run(candidates: Iterable[Candidate], jobs: int) -> list[tuple[Candidate, Outcome]]:
    """Check all candidates, those of one architecture once."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[architecture(candidate)].append(candidate)
    found = []
    firsts = [group[0] for group in groups.values()]
    with get_context('fork').Pool(jobs, initializer=_quiet) as pool:
        outcomes = pool.imap(check, firsts)
        for group, outcome in zip(groups.values(), outcomes, strict=True):
            print(f'{group[0].group}/{group[0].name}: {outcome}', flush=True)
            found += [(candidate, outcome) for candidate in group]
    return found


def _quiet() -> None:
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    MMLogger.get_current_instance().setLevel(logging.ERROR)


def table(found: list[tuple[Candidate, Outcome]]) -> str:
    """Table of the models built in each group, in Markdown."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for candidate, outcome in found:
        for group in (candidate.group, 'all'):
            count = counts[group]
            count['models'] += 1
            count['plain'] += not outcome.plain
            count['pairs'] += not (outcome.plain or outcome.pair)
            count['deep'] += bool(outcome.deep)
    rows = ['| | models | plain | pairs | deep |', '|---|--:|--:|--:|--:|']
    order = [*(group for group in counts if group != 'all'), 'all']
    for group in order if len(order) > 2 else ['all']:
        values = [counts[group][key] for key in ('models', 'plain', 'pairs', 'deep')]
        name = group if group != 'all' else '**all**'
        rows.append(f'| {name} | {" | ".join(map(str, values))} |')
    return '\n'.join(rows)


def rest(found: list[tuple[Candidate, Outcome]]) -> str:
    """The models that are missing in the table, with the reason, in Markdown."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for candidate, outcome in found:
        if outcome.plain:
            reason = f'plain model: {outcome.plain}'
        elif outcome.pair:
            reason = f'pair: {outcome.pair}'
        elif not outcome.deep:
            reason = 'pair: nothing is exchanged inside the backbone'
        else:
            continue
        reasons[reason].append(candidate.name)
    lines = []
    for reason, names in sorted(reasons.items()):
        lines.append(f'- {len(names)} x {reason}: {", ".join(names)}')
    return '\n'.join(lines) or 'None.'


def page(sections: dict[str, list[tuple[Candidate, Outcome]]]) -> str:
    """The page of the docs."""
    versions = ', '.join(
        f'{name} {version(name)}'
        for package in ('mmseg', 'mmpretrain', 'mmcv', 'mmengine', 'torch')
        for name in packages_distributions()[package][:1]
    )
    parts = [
        '# Coverage',
        'Written by `python tests/coverage/host_configs.py --out docs/coverage.md` '
        f'({versions}). **plain**: the model itself can be built here; **pairs**: so '
        'can a `same` and a `multi` pair of it; **deep**: with sites inside the '
        'backbone, on which later layers of it depend. Models that differ in nothing '
        'that sites depend on are built once.',
    ]
    for title, found in sections.items():
        parts += [f'## {title}', table(found), '### The rest', rest(found)]
    return '\n\n'.join(parts) + '\n'


def main() -> None:
    """Run all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--out', type=Path, required=True, help='file to be written')
    parser.add_argument('--jobs', type=int, default=1, help='processes')
    parser.add_argument('--only', default='', help='models whose group or name has it')
    args = parser.parse_args()
    _quiet()
    torch.linspace = _keep_on_cpu
    sources = {
        'Configs of MMSegmentation': mmseg_configs,
        'Backbones of MMPretrain': mmpretrain_backbones,
        'Backbones of timm': timm_backbones,
    }
    sections = {}
    for title, source in sources.items():
        chosen = [c for c in source() if args.only in f'{c.group}/{c.name}']
        if chosen:
            sections[title] = run(chosen, args.jobs)
            args.out.write_text(page(sections), encoding='utf-8')


if __name__ == '__main__':
    main()
