from .ablation import Ablation as Ablation
from .ablation import Effect as Effect
from .ablation import Variant as Variant
from .suite import Case as Case
from .suite import MethodRow as MethodRow
from .suite import Suite as Suite
from .suite import SuiteRun as SuiteRun

__all__ = ["Ablation", "Case", "Effect", "MethodRow", "Suite", "SuiteRun", "Variant"]
