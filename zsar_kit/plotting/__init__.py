"""Plotting: one function for each figure, data first; ``ax`` says where to draw.

Figures of results, texts, latents and data sets (matplotlib), and skeletons that turn and play (plotly). Names are
imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
