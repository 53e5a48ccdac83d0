"""Models: the networks and losses of the methods; they depend on sizes and tensors only.

There is one package per paper, and one module per section of it. Nothing here reads files or depends on a data set.
Names are imported on first use.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
