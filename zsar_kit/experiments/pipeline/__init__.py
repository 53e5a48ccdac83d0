"""From raw files to what a method reads: the workspace, partitions of a data set, skeletons, features, semantics.

Each artefact is computed once and then looked up by what determines it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
