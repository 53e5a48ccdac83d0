"""One run: its configuration and plan, training and test data, fits and their selection, folder and result.

A finished run can be packed for a colleague, or classify clips by words (``Recogniser``).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
