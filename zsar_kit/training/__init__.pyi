from .loop import TrainingLoop, fit

__all__ = [
    "TrainingLoop",
    "fit",
]
