"""Data: skeletons and features as artefacts on disk, the catalogue of data sets, class splits, and the leak guard.

Raw files come in through ``readers`` and ``importers``; ``puppet`` is the embedded synthetic data set. Names are
imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
