"""All rows of the benchmark, in order."""

from . import (
    attention,
    compiled,
    end_to_end,
    flops,
    memory_growth,
    prediction,
    sliding,
    training,
)
from .results import Row

ROWS = {
    'a': Row('memory of position attention, a crop', attention.crop),
    'b': Row('position attention, a whole image', attention.whole_image),
    'c': Row('memory of a training step', training.memory),
    'd': Row('time of a training step', training.time),
    'e': Row('time of a prediction', prediction.bottom),
    'f': Row('prediction in windows', sliding.windows),
    'g': Row('testing, end to end', end_to_end.test),
    'h': Row('training, end to end', end_to_end.train),
    'i': Row('arithmetic of connectors', flops.share),
    'compile': Row('torch.compile', compiled.compiled),
    'growth': Row('how memory grows', memory_growth.growth),
}
