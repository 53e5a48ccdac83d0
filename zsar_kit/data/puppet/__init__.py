"""Puppet: the embedded synthetic data set, a kinematic world of 28 NTU actions.

Bodies, motion programs and a sensor model make it (:func:`build_puppet`); it can also be written as raw files of NTU
RGB+D and PKU-MMD (:func:`write_ntu`, :func:`write_pku_mmd`), for trying their readers.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
