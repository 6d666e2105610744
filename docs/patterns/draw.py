"""Draw the pictures of the patterns' pages: python docs/patterns/draw.py"""

from pathlib import Path

from matplotlib import rc_context
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_coop.analysis.graph import draw_graph
from mmseg_coop.plot_style import STYLE
from mmseg_coop.quiet import silence_foreign_warnings

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / 'configs' / 'coop' / 'danet_r18_single_camvid.py'
A_LIST = [
    dict(source='top.backbone.layer3', target='bottom.backbone.layer3'),
    dict(
        source=['top.backbone.layer1', 'top.backbone.layer2'],
        target='bottom.backbone.layer4',
    ),
]
# Connections and number of networks.
PICTURES = {
    'networks': (dict(pattern='same'), 2),
    'same': (dict(pattern='same', sites='backbone'), 2),
    'chain': (dict(pattern='same', sites='backbone'), 3),
    'multi': (dict(pattern='multi', sites='backbone'), 2),
    'adjacent': (dict(pattern='adjacent', sites='backbone'), 2),
    'dense': (dict(pattern='dense', sites='backbone'), 2),
    'cross': (dict(pattern='cross', sites='backbone'), 2),
    'star': (dict(pattern='star', sites='backbone'), 3),
    'list': (A_LIST, 2),
}


def draw(name: str, folder: Path) -> Path:
    """Write one of the pictures as SVG, the same text at each time."""
    connections, count = PICTURES[name]
    config = Config.fromfile(CONFIG).model
    config.update(
        type='CooperativeEncoderDecoder', connections=connections, num_networks=count
    )
    path = folder / f'{name}.svg'
    with rc_context(STYLE):
        figure = draw_graph(MODELS.build(config))
        figure.savefig(path, metadata=dict(Date=None))
    text = path.read_text()
    path.write_text('\n'.join(line.rstrip() for line in text.splitlines()) + '\n')
    return path


def main() -> None:
    silence_foreign_warnings()
    init_default_scope('mmseg')
    for name in PICTURES:
        print(draw(name, HERE))


if __name__ == '__main__':
    main()
