"""Importers and exporters: what other projects published, as artefacts of the kit and back.

Pooled features in three layouts (:func:`import_features`), and skeletons in one ``.npz`` (:func:`import_skeletons`).
Files are never trusted: nothing is unpickled, shapes and labels are checked.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
