from .audit_scan import Audit
from .context_figures import ClipReader
from .contexts import SlotReport
from .figure_data import PaperFigure
from .flow_figures import FieldChoice, FlowField
from .latents import LatentReader, Latents
from .rows import ResultRow

__all__ = [
    "Audit",
    "ClipReader",
    "FieldChoice",
    "FlowField",
    "LatentReader",
    "Latents",
    "PaperFigure",
    "ResultRow",
    "SlotReport",
]
