"""Tables and figures of finished runs, data and texts; they compute nothing that a run should have computed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
