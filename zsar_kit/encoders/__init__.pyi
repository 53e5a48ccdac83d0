from .base import EncoderOutput, SkeletonEncoder
from .config import EncoderConfig
from .extract import extract_features
from .fuse import fuse_encoders, fuse_features
from .presets import encoder_preset, encoder_presets
from .pretrain import TrainedEncoder, load_encoder
from .released import import_released
from .shift_gcn import ShiftGCN, ShiftGCNConfig, load_released
from .st_gcn import STGCN, STGCNConfig

__all__ = [
    "EncoderConfig",
    "EncoderOutput",
    "STGCN",
    "STGCNConfig",
    "ShiftGCN",
    "ShiftGCNConfig",
    "SkeletonEncoder",
    "TrainedEncoder",
    "encoder_preset",
    "encoder_presets",
    "extract_features",
    "fuse_encoders",
    "fuse_features",
    "import_released",
    "load_encoder",
    "load_released",
]
