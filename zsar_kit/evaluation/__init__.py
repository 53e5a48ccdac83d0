"""Evaluation: one protocol for every method, from ``Scores`` and labels to accuracies with intervals.

Gates between seen and unseen classes and their choice on pseudo-unseen folds, metrics, statistics over seeds, tables,
and confidence for open sets. Names are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
