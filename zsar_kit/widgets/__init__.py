"""Widgets: what needs a live notebook kernel.

``SkeletonBrowser`` shows the samples of data sets, class by class. Names are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
