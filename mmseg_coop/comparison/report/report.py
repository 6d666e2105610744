"""Write a comparison as one self-contained HTML page, and its figures as PNG."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ...checkpoints.atomic_backend import AtomicBackend
from ...plot_style import as_svg, save
from ...version import __version__
from ..comparison import Comparison
from ..table import Cell, Table
from .cost_figure import draw_costs
from .figures import draw_curves, draw_gains, draw_gallery
from .gallery import BROKEN, FIXED, Exhibit, Gallery, make_gallery

_HERE = Path(__file__).parent
# Maximum width of pictures in the page.
_WIDTH = 480
_GALLERY_ROWS = 4


def write_report(
    comparison: Comparison, tables: Sequence[Table], folder: Path, images: int = 8
) -> Path:
    """Write ``report.html`` and PNG figures.

    Args:
        comparison: The comparison.
        tables: Its tables.
        folder: Folder to write to.
        images: Number of images in the gallery.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: If configs or checkpoints that the gallery needs are gone.
    """
    gallery = make_gallery(comparison, images) if images else None
    folder.mkdir(parents=True, exist_ok=True)
    figures = dict(costs=draw_costs(comparison), gains=draw_gains(comparison))
    figures = {name: figure for name, figure in figures.items() if figure}
    curves = draw_curves(comparison)
    for name, figure in figures.items():
        save(figure, folder / f'{name}.png')
    for i, (label, figure) in enumerate(curves.items(), start=1):
        name = re.sub(r'[^\w.+-]+', '_', label)
        save(figure, folder / f'curves_{i}_{name}.png')
    if gallery:
        save(_draw_rows(comparison, gallery), folder / 'gallery.png')
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True
    )
    page = environment.get_template('page.html').render(
        title=f'{comparison.dataset or "Comparison"}: what cooperation brings',
        lead=_lead(comparison),
        css=(_HERE / 'page.css').read_text(),
        script=(_HERE / 'page.js').read_text(),
        tables=list(map(_shown, tables)),
        curves=[as_svg(figure) for figure in curves.values()],
        **{name: as_svg(figure) for name, figure in figures.items()},
        footer=f'Made by mmseg_coop {__version__} (tools/compare.py --report).',
        **(_gallery_fields(comparison, gallery) if gallery else {}),
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
        for kind, name in (('single', 'single network'), ('ensemble', 'ensemble')):
            gain = comparison.gain(best, kind)
            if gain:
                low, high = gain.interval.low, gain.interval.high
                parts.append(
                    f'{gain.points:+.2f} points over the {name} '
                    f'({low:+.2f} to {high:+.2f} with other images)'
                )
        sentences.append(', '.join(parts) + '.')
    return ' '.join(sentences)


def _shown(table: Table) -> dict:
    def show(column: str, cell: Cell) -> dict:
        number = isinstance(cell.value, float) and not column.startswith('over ')
        return dict(vars(cell), is_percent=number)

    rows = [list(map(show, table.columns, row)) for row in table.rows]
    fields = dict(title=table.title, columns=table.columns, notes=table.notes)
    return dict(fields, rows=rows)


def _gallery_fields(comparison: Comparison, gallery: Gallery) -> dict:
    classes = comparison.classes
    gains = (len(gallery.exhibits) + 1) // 2
    return dict(
        exhibits=[
            _page_exhibit(exhibit, gallery, 'gain' if i < gains else 'loss')
            for i, exhibit in enumerate(gallery.exhibits)
        ],
        best=gallery.method.label,
        baseline=gallery.baseline.label,
        legend=[
            (name, _css(color))
            for name, color in zip(classes, gallery.palette, strict=False)
        ],
        fixed=_css(FIXED),
        broken=_css(BROKEN),
    )


def _page_exhibit(exhibit: Exhibit, gallery: Gallery, kind: str) -> dict:
    palette, baseline = gallery.palette, gallery.baseline.label
    titles = [picture.title for picture in exhibit.pictures]
    pictures = [
        dict(title=picture.title, source=_data_uri(picture.pixels, palette), place=i)
        for i, picture in enumerate(exhibit.pictures, start=1)
    ]
    pictures += [
        dict(
            title=f'{picture.title} − {baseline}',
            source=_data_uri(picture.pixels, palette, photo=False),
            # Below the prediction.
            place=titles.index(picture.title) + 1,
        )
        for picture in exhibit.differences
    ]
    fields = dict(image=exhibit.image, gain=exhibit.gain, kind=kind)
    return dict(fields, pictures=pictures, columns=len(titles))


def _draw_rows(comparison: Comparison, gallery: Gallery) -> Figure:
    """Draw the largest gains and losses of the gallery as a figure."""
    half = _GALLERY_ROWS // 2
    exhibits = gallery.exhibits
    if len(exhibits) > _GALLERY_ROWS:
        exhibits = exhibits[:half] + exhibits[-half:]
    columns: dict[str, list[np.ndarray]] = {}
    size = exhibits[0].pictures[0].pixels.shape[1::-1]
    for exhibit in exhibits:
        for picture in exhibit.pictures:
            pixels = picture.pixels
            colors = gallery.palette[pixels] if pixels.ndim == 2 else pixels
            shown = Image.fromarray(colors).resize(size, Image.Resampling.NEAREST)
            columns.setdefault(picture.title, []).append(np.asarray(shown))
    return draw_gallery(columns, comparison.classes, gallery.palette)


def _data_uri(pixels: np.ndarray, palette: np.ndarray, photo: bool = True) -> str:
    """Encode a picture for the page: photos as JPEG, others as PNG."""
    labels = pixels.ndim == 2
    image = Image.fromarray(pixels)
    if labels:
        image = image.convert('P')
        image.putpalette(palette.flatten().tolist())
    if image.width > _WIDTH:
        size = (_WIDTH, round(_WIDTH * image.height / image.width))
        smooth = photo and not labels
        method = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        image = image.resize(size, method)
    kind = 'JPEG' if photo and not labels else 'PNG'
    data = io.BytesIO()
    image.save(
        data, kind, **(dict(quality=85) if kind == 'JPEG' else dict(optimize=True))
    )
    code = base64.b64encode(data.getvalue()).decode()
    return f'data:image/{kind.lower()};base64,{code}'


def _css(color) -> str:
    return 'rgb({}, {}, {})'.format(*map(int, color))
