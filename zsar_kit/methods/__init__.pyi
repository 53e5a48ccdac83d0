from .base import Batch, ClassScores, GateChoice, Method, MethodConfig, Phase, ReadsContexts, StepOutput, WeighsKeyParts
from .latents import AttunesTexts, FlowsBetweenLatents, SharesLatents
from .registry import MethodEntry, method_entry, method_names, preset, register
from .task import MapRows, Task, TrainingSet

__all__ = [
    "AttunesTexts",
    "Batch",
    "ClassScores",
    "FlowsBetweenLatents",
    "GateChoice",
    "MapRows",
    "Method",
    "MethodConfig",
    "MethodEntry",
    "Phase",
    "ReadsContexts",
    "SharesLatents",
    "StepOutput",
    "Task",
    "TrainingSet",
    "WeighsKeyParts",
    "method_entry",
    "method_names",
    "preset",
    "register",
]
