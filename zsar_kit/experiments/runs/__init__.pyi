from .config import RunConfig as RunConfig
from .config import RunPlan as RunPlan
from .folder import FoldScores as FoldScores
from .folder import RunFolder as RunFolder
from .inputs import FoldData as FoldData
from .recogniser import Prediction as Prediction
from .recogniser import Recogniser as Recogniser
from .result import RunResult as RunResult
from .result import SelectionResult as SelectionResult

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
