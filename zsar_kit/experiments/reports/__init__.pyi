from .audit_scan import Audit as Audit
from .context_figures import ClipReader as ClipReader
from .contexts import SlotReport as SlotReport
from .rows import ResultRow as ResultRow

__all__ = ["Audit", "ClipReader", "ResultRow", "SlotReport"]
