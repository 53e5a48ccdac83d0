from .check import check_texts
from .context_bank import ContextBank
from .context_request import ContextRequest
from .embeddings import Semantics
from .estimate import GenerateConfig
from .generate import generate_texts
from .importers import import_semantics, import_text_sets
from .local_models import LocalModel
from .masked_language import MaskedLanguage
from .slots import slot_statistics
from .text_encoder import LanguageRecord, TextEncoder, load_text_encoder
from .text_files import builtin_texts, load_texts
from .text_models import EndpointModel
from .texts import BODY_PARTS, TEXT_SETS, ClassTexts, Context
from .tokens import TokenTexts, join_tokens
from .words import parse_classes

__all__ = [
    "BODY_PARTS",
    "ClassTexts",
    "Context",
    "ContextBank",
    "ContextRequest",
    "EndpointModel",
    "GenerateConfig",
    "LanguageRecord",
    "LocalModel",
    "MaskedLanguage",
    "Semantics",
    "TEXT_SETS",
    "TextEncoder",
    "TokenTexts",
    "builtin_texts",
    "check_texts",
    "generate_texts",
    "import_semantics",
    "import_text_sets",
    "join_tokens",
    "load_text_encoder",
    "load_texts",
    "parse_classes",
    "slot_statistics",
]
