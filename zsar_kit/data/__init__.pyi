from . import doctor, importers, puppet, readers
from .catalogue import (
    class_count,
    class_names,
    dataset_names,
    is_generated,
    is_synthetic,
    most_persons,
    part_mask,
    part_protocols,
    twin_groups,
)
from .class_split import ClassSplit, read_split, write_split
from .display import DisplaySample, find_sample, sample_for_display
from .feature_set import FeatureSet
from .joints import BODY_PARTS, JointLayout, fitting_layouts, layout, layout_names, layout_of_names
from .leakage import EncoderMark, EncoderRecord, check_encoder, check_training_labels, scored_rows, training_rows
from .own_layouts import read_layout, register_layout, write_layout
from .parts import known_protocols, train_part
from .published import Publication, publication, publication_names
from .published_checks import FilesReport, check_files
from .skeleton_set import SkeletonIndex, SkeletonSet, made_with
from .skeletons import STREAMS, SkeletonSequence, clip, preprocess, sample_clips
from .splits import (
    gating_fold,
    holdout_samples,
    holdout_subjects,
    load_split,
    make_split,
    pseudo_unseen_folds,
    split_names,
)

__all__ = [
    "BODY_PARTS",
    "ClassSplit",
    "DisplaySample",
    "EncoderMark",
    "EncoderRecord",
    "FeatureSet",
    "FilesReport",
    "JointLayout",
    "Publication",
    "STREAMS",
    "SkeletonIndex",
    "SkeletonSequence",
    "SkeletonSet",
    "check_encoder",
    "check_files",
    "check_training_labels",
    "class_count",
    "class_names",
    "clip",
    "dataset_names",
    "doctor",
    "find_sample",
    "fitting_layouts",
    "gating_fold",
    "holdout_samples",
    "holdout_subjects",
    "importers",
    "is_generated",
    "is_synthetic",
    "known_protocols",
    "layout",
    "layout_names",
    "layout_of_names",
    "load_split",
    "made_with",
    "make_split",
    "most_persons",
    "part_mask",
    "part_protocols",
    "preprocess",
    "pseudo_unseen_folds",
    "publication",
    "publication_names",
    "puppet",
    "read_layout",
    "read_split",
    "readers",
    "register_layout",
    "sample_clips",
    "sample_for_display",
    "scored_rows",
    "split_names",
    "train_part",
    "training_rows",
    "twin_groups",
    "write_layout",
    "write_split",
]
