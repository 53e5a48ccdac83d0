from .config import RunConfig, RunPlan
from .folder import FoldScores, RunFolder
from .inputs import FoldData
from .recogniser import Prediction, Recogniser
from .result import RunResult, SelectionResult

__all__ = [
    "FoldData",
    "FoldScores",
    "Prediction",
    "Recogniser",
    "RunConfig",
    "RunFolder",
    "RunPlan",
    "RunResult",
    "SelectionResult",
]
