"""Skeleton encoders: Shift-GCN and ST-GCN, pretrained on seen classes only.

They are trained, fused over streams, or imported from released checkpoints, and turn a ``SkeletonSet`` into a
``FeatureSet``. Names are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
