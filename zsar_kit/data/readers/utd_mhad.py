"""Reader of UTD-MHAD's skeletons: 861 MATLAB files, 27 actions, 8 subjects, up to 4 trials, one person."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np

from zsar_kit.data.joints import layout, other_orders
from zsar_kit.data.readers.files import FETCH_AGAIN, RawFormat
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.errors import DataError

KEY = "d_skel"
# The order of the joints in the files, which is not that of the Kinect SDK.
FILE_ORDER = other_orders("kinect_v1_20")["UTD-MHAD's files"]
# What SciPy raises on files that are truncated, scrambled, or of MATLAB's newer HDF5 format.
_BROKEN = (ValueError, TypeError, KeyError, IndexError, NotImplementedError, OSError, EOFError, zlib.error)


def _parse(content: bytes, match: re.Match[str], where: str) -> SkeletonSequence:
    import scipy.io  # slow to load, and needed for this data set alone

    try:
        variables = scipy.io.loadmat(io.BytesIO(content), variable_names=[KEY])
    except (*_BROKEN, scipy.io.matlab.MatReadError) as error:
        raise DataError(f"not a complete MATLAB file: {error}", where=where, remedy=FETCH_AGAIN) from None
    if KEY not in variables:
        raise DataError(f"the variable {KEY!r} is missing", where=where, remedy=FETCH_AGAIN)
    raw = variables[KEY]
    if raw.dtype.kind not in "fiu" or raw.ndim != 3 or raw.shape[:2] != (len(FILE_ORDER), 3):
        problem = f"{KEY!r} must be numeric of shape (20 joints, 3, frames), got {raw.dtype} {raw.shape}"
        raise DataError(problem, where=where, remedy=FETCH_AGAIN)
    order = [FILE_ORDER.index(joint) for joint in layout(UTD_MHAD.layout).joints]
    joints = raw.transpose(2, 0, 1)[None, :, order].astype(np.float32)
    action, subject, trial = (int(group) for group in match.groups())
    sample = match.string.removesuffix("_skeleton.mat")
    return SkeletonSequence(sample, joints, label=action - 1, subject=subject, replication=trial)


UTD_MHAD = RawFormat(
    dataset="utd_mhad",
    layout="kinect_v1_20",
    suffix=".mat",
    name=re.compile(r"a(\d+)_s(\d+)_t(\d+)_skeleton\.mat"),
    shown="aA_sS_tT_skeleton.mat",
    complete=861,
    parse=_parse,
    others=re.compile(r"a\d+_s\d+_t\d+_(?:inertial|depth|color)\.mat"),
    others_shown="aA_sS_tT_inertial.mat or aA_sS_tT_depth.mat",
)
