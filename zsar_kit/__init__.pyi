from .data.feature_set import FeatureSet
from .data.readers.arrays import from_arrays
from .data.skeleton_set import SkeletonSet
from .data.splits import load_split
from .evaluation.protocol import evaluate
from .evaluation.scores import Scores
from .experiments.pipeline.workspace import Workspace
from .experiments.reports.citations import cite
from .experiments.runs.config import RunConfig
from .experiments.runs.explanation import explain
from .experiments.runs.folder import RunFolder
from .experiments.runs.recogniser import Recogniser
from .experiments.runs.recognition import recognise
from .experiments.runs.run import run
from .experiments.studies.ablation import Ablation
from .experiments.studies.suite import Suite
from .experiments.studies.sweep import sweep
from .methods.base import Method, MethodConfig
from .methods.registry import register
from .semantics.embeddings import Semantics
from .semantics.text_files import load_texts

__version__: str

__all__ = [
    "Ablation",
    "FeatureSet",
    "Method",
    "MethodConfig",
    "Recogniser",
    "RunConfig",
    "RunFolder",
    "Scores",
    "Semantics",
    "SkeletonSet",
    "Suite",
    "Workspace",
    "cite",
    "evaluate",
    "explain",
    "from_arrays",
    "load_split",
    "load_texts",
    "recognise",
    "register",
    "run",
    "sweep",
]
