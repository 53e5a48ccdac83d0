from .features import EncodedPartition as EncodedPartition
from .features import EncoderSource as EncoderSource
from .imported_features import ImportedFeatures as ImportedFeatures
from .partitions import Partition as Partition
from .workspace import Workspace as Workspace

__all__ = ["EncodedPartition", "EncoderSource", "ImportedFeatures", "Partition", "Workspace"]
