"""The demand-driven run is plain enough for torch.compile and torch.export."""

import copy
from typing import ClassVar

import pytest
import torch
from mmseg.models.backbones.resnet import BasicBlock, ResNet
from mmseg.registry import MODELS

from helpers.tiny import (
    BACKBONE,
    TWO_STAGES,
    build_short_pair,
    fcn_head,
    make_batch,
    total_loss,
)

SHORT = dict(BACKBONE, **TWO_STAGES, type='ShortestResNet', depth=1)
ONE_STAGE = dict(SHORT, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))
# Each network and each pattern; the first one predicts with one network alone.
CASES = [('danet', 'same', 'bottom'), ('deeplabv3plus', 'multi', 'mean')]


@MODELS.register_module()
class ShortestResNet(ResNet):
    """A block for each stage: what is recorded takes its time by the operation."""

    arch_settings: ClassVar = {1: (BasicBlock, (1, 1, 1, 1))}


def _first(output):
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize(('network', 'pattern', 'predict'), CASES)
def test_compiles_without_graph_breaks(network, pattern, predict):
    options = dict(backbone=SHORT, test_cfg=dict(predict=predict))
    model = build_short_pair(network, pattern, **options)
    torch._dynamo.reset()
    inputs, _ = make_batch()
    compiled = torch.compile(model.eval(), fullgraph=True, backend='eager')
    with torch.no_grad():
        assert torch.equal(_first(compiled(inputs)), _first(model(inputs)))


@pytest.mark.parametrize(
    ('network', 'predict'), [('danet', 'bottom'), ('deeplabv3plus', 'mean')]
)
def test_exports_for_images_of_any_size(network, predict):
    """Connections between sites of several strides compare no sizes."""
    connections = dict(pattern='multi', connector=dict(start='random'))
    options = dict(backbone=SHORT, test_cfg=dict(predict=predict))
    model = build_short_pair(network, connections, **options).eval()
    batch, height, width = (
        torch.export.Dim(name, min=least, max=512)
        for name, least in (('batch', 1), ('height', 33), ('width', 33))
    )
    shapes = ({0: batch, 2: height, 3: width},)
    inputs, other = torch.randn(2, 3, 64, 96), torch.randn(3, 3, 131, 77)
    with torch.no_grad():
        exported = torch.export.export(model, (inputs,), dynamic_shapes=shapes)
        found = _first(exported.module()(other))
        torch.testing.assert_close(found, _first(model(other)), rtol=1e-4, atol=1e-5)


def test_networks_of_different_views():
    """The number of channels is fixed, and compared in Python; sizes are not."""
    networks = dict(top=dict(data_preprocessor=dict(mean=[1.0], std=[2.0])), bottom={})
    model = build_short_pair(
        connections='same',
        backbone=ONE_STAGE,
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
        networks=networks,
        data_preprocessor=dict(type='SegDataPreProcessor', mean=[0.0], std=[1.0]),
    ).eval()
    torch._dynamo.reset()
    inputs, other = torch.randn(2, 6, 64, 96), torch.randn(2, 6, 131, 77)
    sizes = {i: torch.export.Dim(f'size{i}', min=33, max=512) for i in (2, 3)}
    compiled = torch.compile(model, fullgraph=True, backend='eager')
    with torch.no_grad():
        assert torch.equal(_first(compiled(inputs)), _first(model(inputs)))
        exported = torch.export.export(model, (inputs,), dynamic_shapes=(sizes,))
        found = _first(exported.module()(other))
        torch.testing.assert_close(found, _first(model(other)), rtol=1e-4, atol=1e-5)


def test_compiled_training_step():
    torch._dynamo.reset()
    # A backward pass is recorded slowest of all: no auxiliary head, either.
    model = build_short_pair(
        connections='same',
        backbone=ONE_STAGE,
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
        with_cp=True,
    ).train()
    copied = copy.deepcopy(model)
    inputs, samples = make_batch()
    torch.manual_seed(1)
    expected = total_loss(model.loss(inputs, samples))
    expected.backward()
    torch.manual_seed(1)
    compiled = torch.compile(copied, backend='aot_eager')
    loss = total_loss(compiled(inputs, samples, mode='loss'))
    loss.backward()
    torch.testing.assert_close(loss, expected)
    for (name, value), found in zip(
        model.named_parameters(), copied.parameters(), strict=True
    ):
        torch.testing.assert_close(found.grad, value.grad, msg=name)
    for (name, value), found in zip(
        model.named_buffers(), copied.buffers(), strict=True
    ):
        torch.testing.assert_close(found, value, msg=name)
