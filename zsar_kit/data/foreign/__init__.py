"""Readers of files that other programs write: one file becomes one :class:`Recording`, in metres and y up.

A reader keeps what the file holds and says how it was understood: format, unit, axes, first frame and missing points
are in ``Recording.stated``. What a file does not state is asked for, or guessed and then said to be a guess. Files are
never trusted: nothing is unpickled, and a broken file is one clear error.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
