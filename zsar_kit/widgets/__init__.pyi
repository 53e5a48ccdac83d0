from .body import Body
from .context_inspector import ContextInspector
from .error_explorer import ErrorExplorer
from .flow_explorer import FlowExplorer
from .form_editor import FormEditor
from .panel import Panel
from .skeleton_browser import SkeletonBrowser
from .stage import Stage

__all__ = [
    "Body",
    "ContextInspector",
    "ErrorExplorer",
    "FlowExplorer",
    "FormEditor",
    "Panel",
    "SkeletonBrowser",
    "Stage",
]
