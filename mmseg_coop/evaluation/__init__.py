from .voc_submission import VOCSubmission

__all__ = ['VOCSubmission']
