"""Training: the single loop that trains every method, phase by phase, and resumes exactly.

It does not depend on any particular loss: each method defines its own. Names are imported on first use.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
