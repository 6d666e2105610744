"""Recorded position attention never holds all similarities at once."""

import torch

from mmseg_coop.deployment.export.record_graph import record
from mmseg_coop.models.decode_heads.efficient_da_head import EfficientPAM

SIDE = 40


class Attention(torch.nn.Module):
    def __init__(self, pam):
        super().__init__()
        self.pam = pam

    def forward(self, x):
        return dict(y=self.pam(x))


def test_no_tensor_of_the_graph_has_all_pairs_of_pixels():
    x = torch.randn(1, 16, SIDE, SIDE)
    program = record(Attention(EfficientPAM(16, 4)).eval(), x, {})
    sizes = [
        value.numel()
        for graph in program.graph_module.modules()
        if isinstance(graph, torch.fx.GraphModule)
        for node in graph.graph.nodes
        if isinstance(value := node.meta.get('val'), torch.Tensor)
    ]
    assert x.numel() in sizes
    assert max(sizes) < SIDE**4 / 4
