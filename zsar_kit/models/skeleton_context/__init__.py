"""SkeletonContext's networks and losses: ``joint_differences`` (3.3.1), ``masking`` (3.3.2), ``grounding`` (3.3.3),
``key_parts`` (3.4) and ``alignment`` (3.5).
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
