from .base import Batch, ClassScores, GateChoice, Method, MethodConfig, Phase, ReadsContexts, StepOutput, WeighsKeyParts
from .registry import MethodEntry, method_entry, method_names, preset, register
from .task import MapRows, Task, TrainingSet

__all__ = [
    "Batch",
    "ClassScores",
    "GateChoice",
    "MapRows",
    "Method",
    "MethodConfig",
    "MethodEntry",
    "Phase",
    "ReadsContexts",
    "StepOutput",
    "Task",
    "TrainingSet",
    "WeighsKeyParts",
    "method_entry",
    "method_names",
    "preset",
    "register",
]
