"""Training: the one loop that trains every method, phase by phase, and resumes exactly.

It knows no loss by name: a method says what a step returns. Names are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
