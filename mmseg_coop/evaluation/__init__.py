from .coop_iou_metric import CoopIoUMetric
from .results import Results
from .voc_submission import VOCSubmission

__all__ = ['CoopIoUMetric', 'Results', 'VOCSubmission']
