"""Widgets: what needs a live notebook kernel, and the pages that remain of it.

``Stage`` shows moving bodies. ``SkeletonBrowser`` browses data sets on it, ``ContextInspector``, ``FlowExplorer`` and
``ErrorExplorer`` the test clips of runs; ``FormEditor`` fills forms. Names are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
