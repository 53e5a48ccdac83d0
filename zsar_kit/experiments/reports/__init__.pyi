from .audit_scan import Audit
from .context_figures import ClipReader
from .contexts import SlotReport
from .rows import ResultRow

__all__ = ["Audit", "ClipReader", "ResultRow", "SlotReport"]
