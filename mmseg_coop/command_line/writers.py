"""Write predictions to files."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..apis.predict import Prediction
from .sources import Frame


class PredictionWriter:
    """Write predictions, a folder for each kind.

    - ``overlay``: the image under the classes' colours, JPEG; of a video, a video;
    - ``label``: the classes as grey values, PNG with 8 bits;
    - ``probabilities``: float16 (C, H, W) as ``probabilities`` in a ``.npz`` file;
    - ``uncertainty``: entropy and disagreement of the networks, PNG from 0 to 255.
    """

    def __init__(self, folder: Path, kinds: list[str], opacity: float = 0.5):
        self.folder = folder
        self.kinds = kinds
        self.opacity = opacity
        self._videos: dict[Path, cv2.VideoWriter] = {}

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write a prediction."""
        for kind in self.kinds:
            WRITERS[kind](self, frame, prediction)

    def close(self) -> None:
        """Finish the videos."""
        for video in self._videos.values():
            video.release()

    def _overlay(self, frame: Frame, prediction: Prediction) -> None:
        picture = prediction.overlay(self.opacity)
        if frame.rate is None:
            self._image('overlay', f'{frame.name}.jpg', picture)
            return
        path = self._path('overlay', f'{Path(frame.name).parent}.mp4')
        if path not in self._videos:
            codec = cv2.VideoWriter_fourcc(*'mp4v')
            size = picture.shape[1::-1]
            self._videos[path] = cv2.VideoWriter(str(path), codec, frame.rate, size)
            if not self._videos[path].isOpened():
                raise OSError(f'{path} can not be written as a video')
        self._videos[path].write(picture)

    def _label(self, frame: Frame, prediction: Prediction) -> None:
        self._image('label', f'{frame.name}.png', prediction.label.astype(np.uint8))

    def _probabilities(self, frame: Frame, prediction: Prediction) -> None:
        path = self._path('probabilities', f'{frame.name}.npz')
        values = prediction.probabilities.astype(np.float16)
        np.savez_compressed(path, probabilities=values, classes=prediction.classes)

    def _uncertainty(self, frame: Frame, prediction: Prediction) -> None:
        entropy = np.round(prediction.entropy * 255).astype(np.uint8)
        self._image('uncertainty', f'{frame.name}_entropy.png', entropy)
        differ = prediction.disagreement.astype(np.uint8) * 255
        self._image('uncertainty', f'{frame.name}_disagreement.png', differ)

    def _image(self, kind: str, name: str, pixels: np.ndarray) -> None:
        path = self._path(kind, name)
        if not cv2.imwrite(str(path), pixels):
            raise OSError(f'{path} can not be written')

    def _path(self, kind: str, name: str) -> Path:
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


WRITERS: dict[str, Callable[[PredictionWriter, Frame, Prediction], None]] = {
    'overlay': PredictionWriter._overlay,
    'label': PredictionWriter._label,
    'probabilities': PredictionWriter._probabilities,
    'uncertainty': PredictionWriter._uncertainty,
}
