"""Many runs for one question: suites compare methods, ablations compare variants with a base, notebooks use both.

The tables and figures of the papers, and engines that spread runs over machines, belong here too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
