"""Semantics: class texts, and what language models make of them.

Texts are read, checked and generated here, encoded into ``Semantics`` (features of class texts) and ``ContextBank``
(masked prompts of seen classes), or imported where others published theirs. Names are imported when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
