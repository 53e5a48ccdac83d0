from .calibration import GammaFit, calibration_curve, fit_gamma
from .fusion import Fusion, fit_fusion
from .gates import CalibratedStacking, Gate, LogisticGate, RatioGate, restore_gate
from .metrics import (
    SeenUnseenCurve,
    ausuc,
    harmonic_mean,
    macro_accuracy,
    micro_accuracy,
    per_class_accuracy,
    seen_unseen_curve,
    zsl_accuracy,
)
from .open_set import OpenSet, fit_open_set, measure_open_set
from .protocol import evaluate
from .result import Accuracies, Evaluation
from .scores import Scores
from .statistics import Summary, paired_difference, summarize
from .tables import format_table

__all__ = [
    "Accuracies",
    "CalibratedStacking",
    "Evaluation",
    "Fusion",
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
    "fit_fusion",
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
    "zsl_accuracy",
]
