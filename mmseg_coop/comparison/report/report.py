"""Write a comparison as one self-contained HTML page, and its figures as PNG."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from ...checkpoints.atomic_backend import AtomicBackend
from ...plot_style import as_svg, save
from ...version import __version__
from ..comparison import Comparison
from ..table import Table
from .cost_figure import draw_costs
from .figures import draw_curves, draw_gains, draw_gallery
from .gallery import Exhibit, Gallery, make_gallery

_HERE = Path(__file__).parent
# Maximum width of pictures in the page.
_WIDTH = 480


def write_report(
    comparison: Comparison, tables: Sequence[Table], folder: Path, images: int = 8
) -> Path:
    """Write ``report.html`` and PNG figures.

    Args:
        comparison: The comparison.
        tables: Its tables.
        folder: Folder to write to.
        images: Number of images in the gallery.

    Raises:
        FileNotFoundError: If configs or checkpoints that the gallery needs are gone.
    """
    gallery = make_gallery(comparison, images) if images else None
    figures = dict(
        costs=draw_costs(comparison),
        gains=draw_gains(comparison),
        curves=draw_curves(comparison),
    )
    pictures = gallery and draw_gallery(gallery, comparison.classes)
    for name, figure in {**figures, 'gallery': pictures}.items():
        path = folder / f'{name}.png'
        if figure:
            save(figure, path)
        else:
            # Of an earlier report.
            path.unlink(missing_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True
    )
    page = environment.get_template('page.html').render(
        title=f'{comparison.dataset or "Comparison"}: what cooperation brings',
        lead=_lead(comparison),
        css=(_HERE / 'page.css').read_text(),
        script=(_HERE / 'page.js').read_text(),
        tables=tables,
        **{name: as_svg(figure) for name, figure in figures.items() if figure},
        gallery=gallery,
        classes=comparison.classes,
        pictures=_page_pictures,
        footer=f'Made by mmseg_coop {__version__} (tools/compare.py --report).',
    )
    path = folder / 'report.html'
    AtomicBackend().put_text(page, path)
    return path


def _lead(comparison: Comparison) -> str:
    """Write the main result of each network in a sentence."""
    sentences = []
    for network in dict.fromkeys(method.network for method in comparison.methods):
        best = comparison.best(network)
        name = best.label if network in best.label else f'{network} {best.label}'
        parts = [f'{name} is best with {best.miou:.2f} % mIoU']
        for kind in comparison.baselines:
            gain = comparison.gain(best, kind)
            if gain:
                low, high = gain.interval
                noise = '' if gain.significant else '; not significant'
                parts.append(
                    f'{gain.points:+.2f} points over {kind} '
                    f'({low:+.2f} to {high:+.2f} with other images{noise})'
                )
        sentences.append(', '.join(parts) + '.')
    return ' '.join(sentences)


def _page_pictures(gallery: Gallery, exhibit: Exhibit) -> list[dict]:
    """Pictures of an exhibit with their columns, differences below predictions."""
    pictures = [
        dict(title=title, source=_data_uri(pixels, photo=title == 'image'), place=place)
        for place, (title, pixels) in enumerate(gallery.pictures(exhibit).items(), 1)
    ]
    baseline = gallery.baseline.label
    for picture in pictures[2:]:
        method = picture['title']
        if method != baseline:
            source = _data_uri(gallery.difference(exhibit, method))
            pictures.append(
                {**picture, 'title': f'{method} − {baseline}', 'source': source}
            )
    return pictures


def _data_uri(pixels: np.ndarray, photo: bool = False) -> str:
    """Encode a picture for the page: photos as JPEG, others as PNG."""
    image = Image.fromarray(pixels)
    smooth, sharp = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    image.thumbnail((_WIDTH, image.height), smooth if photo else sharp)
    data = io.BytesIO()
    kind = 'JPEG' if photo else 'PNG'
    image.save(data, kind, quality=85, optimize=True)
    code = base64.b64encode(data.getvalue()).decode()
    return f'data:image/{kind.lower()};base64,{code}'
