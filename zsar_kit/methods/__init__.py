"""Methods: what a recognition method is (``base``), what it is given (``task``), and every method that the kit knows.

A method is a config, a class and a registration; ``registry`` finds it by scanning this folder and ``peers``. Names are
imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
