from .calibration import GammaFit as GammaFit
from .calibration import calibration_curve as calibration_curve
from .calibration import fit_gamma as fit_gamma
from .gates import CalibratedStacking as CalibratedStacking
from .gates import Gate as Gate
from .gates import LogisticGate as LogisticGate
from .gates import RatioGate as RatioGate
from .gates import restore_gate as restore_gate
from .metrics import SeenUnseenCurve as SeenUnseenCurve
from .metrics import ausuc as ausuc
from .metrics import harmonic_mean as harmonic_mean
from .metrics import macro_accuracy as macro_accuracy
from .metrics import micro_accuracy as micro_accuracy
from .metrics import per_class_accuracy as per_class_accuracy
from .metrics import seen_unseen_curve as seen_unseen_curve
from .open_set import OpenSet as OpenSet
from .open_set import fit_open_set as fit_open_set
from .open_set import measure_open_set as measure_open_set
from .protocol import evaluate as evaluate
from .result import Accuracies as Accuracies
from .result import Evaluation as Evaluation
from .scores import Scores as Scores
from .statistics import Summary as Summary
from .statistics import paired_difference as paired_difference
from .statistics import summarize as summarize
from .tables import format_table as format_table

__all__ = [
    "Accuracies",
    "CalibratedStacking",
    "Evaluation",
    "GammaFit",
    "Gate",
    "LogisticGate",
    "OpenSet",
    "RatioGate",
    "Scores",
    "SeenUnseenCurve",
    "Summary",
    "ausuc",
    "calibration_curve",
    "evaluate",
    "fit_gamma",
    "fit_open_set",
    "format_table",
    "harmonic_mean",
    "macro_accuracy",
    "measure_open_set",
    "micro_accuracy",
    "paired_difference",
    "per_class_accuracy",
    "restore_gate",
    "seen_unseen_curve",
    "summarize",
]
