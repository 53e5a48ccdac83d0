from .loop import TrainingLoop as TrainingLoop
from .loop import fit as fit

__all__ = [
    "TrainingLoop",
    "fit",
]
