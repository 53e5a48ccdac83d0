"""The data doctor: what is silently wrong with somebody's skeletons, said before anything is trained on them.

:func:`examine_clip` looks at one clip, :func:`examine_set` and :func:`examine_skeletons` at a set, :func:`mend` fills
what a tracker did not find. Nothing here changes data in passing: what is found is said, with numbers, the likely cause
and what to do.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
