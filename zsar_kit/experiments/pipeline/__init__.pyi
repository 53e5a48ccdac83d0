from .features import EncodedPartition, EncoderSource
from .imported_features import ImportedFeatures
from .partitions import Partition
from .workspace import Workspace

__all__ = ["EncodedPartition", "EncoderSource", "ImportedFeatures", "Partition", "Workspace"]
