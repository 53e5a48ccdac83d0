from .features import export_features, import_features, import_record, published_logits
from .published import PublishedFeatures
from .skeletons import export_skeletons, import_skeletons

__all__ = [
    "PublishedFeatures",
    "export_features",
    "export_skeletons",
    "import_features",
    "import_record",
    "import_skeletons",
    "published_logits",
]
