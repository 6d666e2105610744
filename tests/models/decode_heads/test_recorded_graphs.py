"""Recorded graphs of the head; MMSegmentation's DAHead is the oracle."""

import copy

import pytest
import torch
from mmengine.analysis import get_model_complexity_info
from mmseg.registry import MODELS
from torch import Tensor, fx, nn
from torch.export import Dim
from torch.utils.flop_counter import FlopCounterMode

from mmseg_coop.models.decode_heads import efficient_da_head

from helpers.tiny import HEADS

CHANNELS = HEADS['danet']['in_channels']
# Batch, height and width of feature maps: of one piece, and of several.
# The last has a multiple of the tokens that an exported loop takes at a time.
SIZES = ((1, 9, 13), (2, 9, 13), (1, 36, 40), (2, 30, 31), (1, 16, 24))
AXES = {0: 'batch', 2: 'height', 3: 'width'}


class Logits(nn.Module):
    """A head that takes one feature map, and gives the logits that count."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head([None, None, None, x])[0]


@pytest.fixture
def heads():
    host = MODELS.build(HEADS['danet']).eval()
    # Attention starts at zero weight, which would hide it.
    host.pam.gamma.scale.data.fill_(0.7)
    ours = MODELS.build({**HEADS['danet'], 'type': 'EfficientDAHead'}).eval()
    ours.load_state_dict(host.state_dict())
    return Logits(host), Logits(ours)


def features(batch: int, height: int, width: int) -> Tensor:
    return torch.randn(batch, CHANNELS, height, width)


def saved_trace(module, x, folder):
    torch.jit.trace(module, x, check_trace=False).save(folder / 'a.pt')
    return torch.jit.load(folder / 'a.pt')


def exported(module, x, folder):
    torch.export.save(
        torch.export.export(
            module, (x,), dynamic_shapes=(dict.fromkeys(AXES, Dim.DYNAMIC),)
        ),
        folder / 'a.pt2',
    )
    return torch.export.load(folder / 'a.pt2').module()


def exported_by_name(module, x, folder):
    shapes = ({axis: Dim(name, max=99) for axis, name in AXES.items()},)
    return torch.export.export(module, (x,), dynamic_shapes=shapes).module()


def compiled(module, x, folder):
    torch._dynamo.reset()
    return torch.compile(module, fullgraph=True, backend='eager')


def traced_by_fx(module, x, folder):
    class Tracer(fx.Tracer):
        def is_leaf_module(self, m, name):
            return not isinstance(m, Logits | type(module.head) | type(module.head.pam))

    return fx.GraphModule(module, Tracer().trace(module))


def onnx_session(path):
    runtime = pytest.importorskip('onnxruntime')
    session = runtime.InferenceSession(path, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])


def onnx_of_torchscript(module, x, folder):
    pytest.importorskip('onnx')
    path = str(folder / 'a.onnx')
    options = dict(input_names=['x'], output_names=['y'], opset_version=11)
    axes = {'x': AXES, 'y': AXES}
    torch.onnx.export(module, (x,), path, dynamo=False, dynamic_axes=axes, **options)
    return onnx_session(path)


def onnx_of_dynamo(module, x, folder):
    pytest.importorskip('onnxscript')
    path = str(folder / 'a.onnx')
    shapes = (dict.fromkeys(AXES, Dim.DYNAMIC),)
    torch.onnx.export(
        module, (x,), path, dynamo=True, verbose=False, dynamic_shapes=shapes
    )
    return onnx_session(path)


RECORDERS = (
    saved_trace,
    exported,
    exported_by_name,
    compiled,
    traced_by_fx,
    onnx_of_torchscript,
    onnx_of_dynamo,
)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('record', RECORDERS)
def test_recorded_once_right_at_every_size(heads, record, tmp_path):
    host, ours = heads
    with torch.no_grad():
        recorded = record(ours, features(*SIZES[1]), tmp_path)
        for size in SIZES:
            x = features(*size)
            torch.testing.assert_close(recorded(x), host(x), rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings('ignore')
def test_a_trace_of_several_tiles(heads, tmp_path):
    host, ours = heads
    with torch.no_grad():
        recorded = onnx_of_torchscript(ours, features(*SIZES[2]), tmp_path)
        x = features(*SIZES[0])
        torch.testing.assert_close(recorded(x), host(x), rtol=1e-3, atol=1e-5)


def test_gradients_of_a_compiled_head(heads):
    host, ours = heads
    torch._dynamo.reset()
    recorded = torch.compile(ours, fullgraph=True, backend='aot_eager')
    x, other = (features(2, 9, 13).requires_grad_() for _ in range(2))
    other.data.copy_(x)
    host(x).square().sum().backward()
    recorded(other).square().sum().backward()
    torch.testing.assert_close(other.grad, x.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('tile', [2**20, 300])
@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_flops(heads, device, tile, monkeypatch):
    monkeypatch.setattr(efficient_da_head, 'TILE', tile)
    counts = []
    for head in heads:
        head, x = copy.deepcopy(head).to(device), features(2, 9, 13).to(device)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            head(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.filterwarnings('ignore')
def test_flops_of_mmengine(heads):
    """As MMSegmentation's get_flops counts."""
    counts = [
        get_model_complexity_info(head, inputs=features(1, 9, 13), show_arch=False)
        for head in heads
    ]
    assert counts[0]['flops'] == counts[1]['flops'] > 0
