from .candidates import Candidates, choose_candidates
from .config import RunConfig, RunPlan
from .explanation import AttributeConfusion, confusion_by_attribute, explain
from .folder import FoldScores, RunFolder
from .fusion import FusedRuns, fuse
from .inputs import FoldData
from .recogniser import Prediction, Recogniser
from .recognition import Recognition, recognise, recognise_stream
from .result import RunResult, SelectionResult

__all__ = [
    "AttributeConfusion",
    "Candidates",
    "FoldData",
    "FoldScores",
    "FusedRuns",
    "Prediction",
    "Recogniser",
    "Recognition",
    "RunConfig",
    "RunFolder",
    "RunPlan",
    "RunResult",
    "SelectionResult",
    "choose_candidates",
    "confusion_by_attribute",
    "explain",
    "fuse",
    "recognise",
    "recognise_stream",
]
