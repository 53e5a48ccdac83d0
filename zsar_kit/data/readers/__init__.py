"""Readers: raw skeleton files of public data sets, or anyone's arrays, become a ``SkeletonSet``.

A reader plans first, by file names (:func:`plan_dataset`), and reads afterwards (:func:`carry_out`), in several
processes and resumable. A new data set is one module with a format or a planner, listed in ``registry``.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
