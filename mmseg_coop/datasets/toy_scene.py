"""Draw a small street scene with its labels."""

import numpy as np
from numpy.random import RandomState

CLASSES = (
    'sky',
    'building',
    'road',
    'sidewalk',
    'tree',
    'car',
    'pole',
    'person',
)
SKY, BUILDING, ROAD, SIDEWALK, TREE, CAR, POLE, PERSON = range(len(CLASSES))
_NOISE = 22


class ToyScene:
    """A street scene, drawn from back to front with integer arithmetic.

    Colours of classes overlap, light and haze vary, and objects hide each other, so
    that a pixel's colour alone does not determine its class.

    Args:
        seed: Seed of the scene. ``RandomState`` gives the same numbers on every machine
            and with every release of NumPy.
        height: Height in pixels, at least 32.
        width: Width in pixels, at least 32.

    Attributes:
        image: (H, W, 3), uint8, BGR.
        label: (H, W), uint8, indices of ``CLASSES``.
    """

    def __init__(self, seed: int, height: int = 64, width: int = 96):
        self.random = RandomState(seed)
        self.height, self.width = height, width
        self.horizon = self._between(height * 5 // 16, height * 8 // 16)
        self.rows, self.columns = np.ogrid[:height, :width]
        self.colors = np.zeros((height, width, 3), np.int32)
        self.label = np.zeros((height, width), np.uint8)
        self._draw_sky()
        self._draw_buildings()
        self._draw_ground()
        for _ in range(self._between(1, 4)):
            self._draw_tree()
        for depth in sorted(self._between(1, height - self.horizon) for _ in range(3)):
            self._draw_car(self.horizon + depth)
        for _ in range(self._between(1, 4)):
            self._draw_pole()
        for _ in range(self._between(2, 7)):
            self._draw_person()
        self.image = self._light()

    def _between(self, low: int, high: int) -> int:
        """A random integer, low <= value < high."""
        return int(self.random.randint(low, max(high, low + 1)))

    def _color(self, *bgr: int, spread: int = 30) -> np.ndarray:
        return np.array(bgr) + self.random.randint(-spread, spread + 1, 3)

    def _grey(self) -> np.ndarray:
        return self._color(*[self._between(70, 150)] * 3, spread=12)

    def _paint(self, mask: np.ndarray, index: int, color: np.ndarray) -> None:
        self.colors[mask] = color
        self.label[mask] = index

    def _box(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        rows = (self.rows >= top) & (self.rows < top + height)
        return rows & (self.columns >= left) & (self.columns < left + width)

    def _draw_sky(self) -> None:
        everywhere = np.ones_like(self.label, bool)
        self._paint(everywhere, SKY, self._color(200, 180, 165))

    def _draw_buildings(self) -> None:
        left = -self._between(0, 8)
        while left < self.width:
            width = self._between(8, 24)
            top = self._between(2, self.horizon)
            if self._between(0, 5):
                box = self._box(top, left, self.horizon - top, width)
                self._paint(box, BUILDING, self._color(120, 125, 135, spread=45))
                windows = box & (self.rows % 5 < 2) & (self.columns % 4 < 2)
                self.colors[windows] += self._between(-50, 40)
            left += width

    def _draw_ground(self) -> None:
        ground = np.broadcast_to(self.rows >= self.horizon, self.label.shape)
        self._paint(ground, SIDEWALK, self._grey())
        # Half the road's width grows with the distance from the horizon.
        center = self._between(self.width // 3, self.width * 2 // 3)
        growth = self._between(6, 13)
        half = 3 + (self.rows - self.horizon) * growth // 8
        road = ground & (abs(self.columns - center) <= half)
        self._paint(road, ROAD, self._grey())
        dashes = road & (self.columns == center) & (self.rows % 6 < 3)
        self.colors[dashes] = 210

    def _draw_tree(self) -> None:
        x, radius = self._between(0, self.width), self._between(4, 11)
        y = self.horizon - self._between(radius // 2, radius + 8)
        trunk = self._box(y, x - 1, self.horizon + 4 - y, 2)
        self._paint(trunk, TREE, self._color(60, 80, 95, spread=20))
        distance = (self.columns - x) ** 2 + (self.rows - y) ** 2
        leaves = distance * 4 <= (2 * radius + 1) ** 2
        leaves = leaves & (self.random.randint(0, 8, self.label.shape) > 0)
        self._paint(leaves, TREE, self._color(60, 110, 70))

    def _draw_car(self, bottom: int) -> None:
        height = 3 + (bottom - self.horizon) // 3
        width = height * self._between(4, 8) // 3
        left = self._between(-width // 2, self.width - width // 2)
        body = self._box(bottom - height, left, height, width)
        self._paint(body, CAR, self._color(110, 110, 120, spread=85))
        window = self._box(bottom - height, left + 1, height // 3 + 1, width - 2)
        self.colors[window] = self._color(90, 85, 80, spread=15)
        self.colors[self._box(bottom - 1, left, 1, width)] = 35

    def _draw_pole(self) -> None:
        x, width = self._between(0, self.width), self._between(2, 4)
        top = self._between(2, self.horizon)
        bottom = self.horizon + self._between(1, (self.height - self.horizon) // 2)
        self._paint(self._box(top, x, bottom - top, width), POLE, self._grey())

    def _draw_person(self) -> None:
        bottom = self._between(self.horizon + 3, self.height)
        height = 6 + (bottom - self.horizon) // 3
        left = self._between(0, self.width)
        clothes = self._box(bottom - height, left, height, 2 + height // 4)
        self._paint(clothes, PERSON, self._color(100, 95, 105, spread=75))
        head = self._box(bottom - height, left, 2, 2 + height // 4)
        self.colors[head] = self._color(120, 145, 180, spread=20)

    def _light(self) -> np.ndarray:
        """Add sun or dusk, haze towards the horizon, and the camera's noise."""
        colors = self.colors * self._between(55, 125) // 100
        haze = self._between(0, 50) - abs(self.rows - self.horizon)[..., None]
        colors = colors + (190 - colors) * haze.clip(0) // 100
        colors += self.random.randint(-_NOISE, _NOISE + 1, colors.shape)
        return colors.clip(0, 255).astype(np.uint8)
