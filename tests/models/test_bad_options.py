"""Any value of any option of a pair: it trains, or is named in one line when built."""

import io
from contextlib import redirect_stderr

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.command_line import one_line_errors

from helpers.tiny import BACKBONE, HEADS, TWO_STAGES, make_batch, network_config

SITES = ['backbone.layer1', 'decode_head.aspp', 'backbone.layer9']
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 4)
    | st.floats(-2, 2)
    | st.sampled_from([float('nan'), float('inf')])
    | st.text('ab.', max_size=4)
    | st.sampled_from([*SITES, *(f'top.{site}' for site in SITES), 'bottom', 'slide'])
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['type', 'mode', 'stride', 'foo']), inner)
    ),
    max_leaves=4,
)
OPTIONS = [
    'num_networks',
    'networks_init',
    'loss_weights',
    'test_cfg',
    'test_cfg.mode',
    'test_cfg.predict',
    'connections',
    'connections.pattern',
    'connections.sites',
    'connections.among',
    'connections.mix_streams',
    'connections.connector',
    'connections.connector.type',
    'connections.dropout',
    'connections.read',
    'networks',
    'network_type',
    'connections.connector.start',
    'connections.connector.norm_cfg',
    'connections.connector.act_cfg',
    'connections.connector.detach',
    'connections.connector.align_corners',
    'connections.connector.channels',
    'connections.connector.init_cfg',
    'connections.connector.foo',
    'connections.aggregation',
    'connections.aggregation.width',
    'connections.aggregation.stride',
    'connections.aggregation.in_channels',
    'connections.foo',
    'foo',
]


@pytest.mark.parametrize('option', OPTIONS)
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(value=JUNK)
def test_it_trains_or_is_named(option, value):
    config = network_config(
        'deeplabv3plus',
        type='CooperativeEncoderDecoder',
        backbone=dict(BACKBONE, **TWO_STAGES),
        decode_head=dict(HEADS['deeplabv3plus'], in_channels=16, in_index=1),
        connections=dict(pattern='multi', connector={}, aggregation=dict(width=4)),
        auxiliary_head=None,
    )
    *parents, name = option.split('.')
    place = config
    for parent in parents:
        place = place[parent]
    place[name] = value
    shown = io.StringIO()
    try:
        with redirect_stderr(shown), one_line_errors():
            whole = Config(dict(model=config))
            model = MODELS.build(whole.model)
            model.init_weights()
    except SystemExit as end:
        line, hint = shown.getvalue().splitlines()
        assert end.code == 2 and line.startswith('error: ') and hint.startswith('(set')
        assert any(part in line for part in option.split('.'))
        return
    inputs, samples = make_batch(2, (32, 32))
    losses = model.loss(inputs, samples)
    assert all(torch.is_tensor(loss) for loss in losses.values())
