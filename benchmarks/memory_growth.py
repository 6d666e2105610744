"""Row growth: memory over networks, pixels, images and tokens."""

from collections.abc import Callable, Iterator, Sequence

from mmseg_coop.cost.memory import peak_memory

from .attention import attention_memory
from .models import build_host, build_pair, network_config, random_batch, total_loss
from .results import Line, Options, Panel

_SIZE = (180, 240)
_UNIT = 'MB'


def growth(options: Options) -> Iterator[Panel]:
    """A training step of small networks for CamVid, and position attention."""
    more = 2 if options.quick else 4
    height, width = _SIZE
    numbers = range(1, more + 1)
    scales = (1, 2) if options.quick else (1, 1.5, 2, 3)
    sizes = [(round(height * s), round(width * s)) for s in scales]
    # A pooled feature of a single image has nothing to normalize with.
    images = [2 * n for n in numbers]
    counts = [(n, 2, _SIZE) for n in numbers]
    yield _panel('networks, batch 2', 'networks', numbers, counts)
    yield _panel(
        'pixels, 2 networks, batch 2',
        'pixels of an image',
        [h * w for h, w in sizes],
        [(2, 2, size) for size in sizes],
    )
    batches = [(2, n, _SIZE) for n in images]
    yield _panel('images, 2 networks', 'images of a batch', images, batches)
    yield _attention_panel(options)


def _panel(
    title: str,
    x_label: str,
    x: Sequence[int],
    cases: list[tuple[int, int, tuple[int, int]]],
) -> Panel:
    """Measured and theoretical memory for networks, images and their size."""
    measured = [step_memory(*case) for case in cases]
    fixed = [_parameters(networks) for networks, _, _ in cases]
    pixels = [n * images * height * width for n, images, (height, width) in cases]
    # Activations of a pixel of an image, from the first point.
    each = (measured[0] - fixed[0]) / pixels[0]
    theory = [a + each * n for a, n in zip(fixed, pixels, strict=True)]
    return Panel(
        f'Training step over {title}',
        x_label,
        _UNIT,
        [
            Line('measured', list(x), measured),
            Line('weights, gradients, activations', list(x), theory, theory=True),
        ],
    )


def _attention_panel(options: Options) -> Panel:
    sides = (16, 24) if options.quick else (32, 48, 64, 80, 96)
    tokens = [side**2 for side in sides]
    host, ours = (
        [attention_memory(kind, side, side) for side in sides] for kind in (False, True)
    )
    return Panel(
        'Position attention, forward and backward',
        'tokens',
        _UNIT,
        [
            Line('MMSegmentation', tokens, host),
            Line('mmseg_coop', tokens, ours),
            Line('quadratic', tokens, _power(tokens, host[-1], 2), theory=True),
            Line('linear', tokens, _power(tokens, ours[-1], 1), theory=True),
        ],
    )


def _power(x: list[int], last: float, exponent: int) -> list[float]:
    """Compute a power of x that passes through the last point."""
    return [last * (value / x[-1]) ** exponent for value in x]


def step_memory(networks: int, images: int, size: tuple[int, int]) -> float:
    """MB of weights, and of a training step at its peak."""
    weights = _parameters(networks) / 2
    return weights + peak_memory(_step, networks, images, size)


def _parameters(networks: int) -> float:
    """MB of weights and their gradients, in float32."""
    return sum(p.numel() for p in _build(networks).parameters()) * 8 / 2**20


def _build(networks: int):
    config = network_config('deeplabv3plus', quick=True)
    if networks == 1:
        return build_host(config).train()
    return build_pair(config, num_networks=networks).train()


def _step(networks: int, images: int, size: tuple[int, int]) -> Callable[[], None]:
    model = _build(networks)
    # Threads and kernels are set up by a small call first.
    total_loss(model, random_batch(2, 32, 32))
    batch = random_batch(images, *size)
    return lambda: total_loss(model, batch).backward()
