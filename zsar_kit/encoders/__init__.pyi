from .base import EncoderOutput as EncoderOutput
from .base import SkeletonEncoder as SkeletonEncoder
from .config import EncoderConfig as EncoderConfig
from .extract import extract_features as extract_features
from .fuse import fuse_encoders as fuse_encoders
from .fuse import fuse_features as fuse_features
from .presets import encoder_preset as encoder_preset
from .presets import encoder_presets as encoder_presets
from .pretrain import TrainedEncoder as TrainedEncoder
from .pretrain import load_encoder as load_encoder
from .released import import_released as import_released
from .shift_gcn import ShiftGCN as ShiftGCN
from .shift_gcn import ShiftGCNConfig as ShiftGCNConfig
from .shift_gcn import load_released as load_released
from .st_gcn import STGCN as STGCN
from .st_gcn import STGCNConfig as STGCNConfig

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
