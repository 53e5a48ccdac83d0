"""Models: the networks and losses of the methods, from sizes and tensors alone.

One package a paper, each module a section of it. Nothing here reads a file or knows a data set. Names are imported when
they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
