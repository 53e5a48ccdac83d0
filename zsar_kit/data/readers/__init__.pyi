from .arrays import from_arrays, from_npz_folder
from .clips import read_clip
from .files import RawFormat, plan_files
from .ntu_audit import CountRow, audit_counts
from .plan import Item, LeftOut, Reading, ReadPlan, Source
from .prepare import Prepared, carry_out, is_up_to_date, open_prepared
from .registry import PLANNERS, RAW_FORMATS, plan_dataset, prepare_dataset

__all__ = [
    "CountRow",
    "Item",
    "LeftOut",
    "PLANNERS",
    "Prepared",
    "RAW_FORMATS",
    "RawFormat",
    "ReadPlan",
    "Reading",
    "Source",
    "audit_counts",
    "carry_out",
    "from_arrays",
    "from_npz_folder",
    "is_up_to_date",
    "open_prepared",
    "plan_dataset",
    "plan_files",
    "prepare_dataset",
    "read_clip",
]
