from .data.feature_set import FeatureSet as FeatureSet
from .data.readers.arrays import from_arrays as from_arrays
from .data.skeleton_set import SkeletonSet as SkeletonSet
from .data.splits import load_split as load_split
from .evaluation.protocol import evaluate as evaluate
from .evaluation.scores import Scores as Scores
from .experiments.pipeline.workspace import Workspace as Workspace
from .experiments.reports.citations import cite as cite
from .experiments.runs.config import RunConfig as RunConfig
from .experiments.runs.folder import RunFolder as RunFolder
from .experiments.runs.recogniser import Recogniser as Recogniser
from .experiments.runs.run import run as run
from .experiments.studies.ablation import Ablation as Ablation
from .experiments.studies.suite import Suite as Suite
from .experiments.studies.sweep import sweep as sweep
from .methods.base import Method as Method
from .methods.base import MethodConfig as MethodConfig
from .methods.registry import register as register
from .semantics.embeddings import Semantics as Semantics
from .semantics.text_files import load_texts as load_texts

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
    "from_arrays",
    "load_split",
    "load_texts",
    "register",
    "run",
    "sweep",
]
