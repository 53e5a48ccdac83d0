from .ablation import Ablation, Effect, Variant
from .suite import Case, MethodRow, Suite, SuiteRun

__all__ = ["Ablation", "Case", "Effect", "MethodRow", "Suite", "SuiteRun", "Variant"]
