from .examine import Clip, examine_clip, examine_set, examine_skeletons
from .findings import CHECKS, SEVERITIES, Finding, Report, line
from .mend import Mended, mend

__all__ = [
    "CHECKS",
    "Clip",
    "Finding",
    "Mended",
    "Report",
    "SEVERITIES",
    "examine_clip",
    "examine_set",
    "examine_skeletons",
    "line",
    "mend",
]
