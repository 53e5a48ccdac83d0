from .check import check_texts as check_texts
from .context_bank import ContextBank as ContextBank
from .context_request import ContextRequest as ContextRequest
from .embeddings import Semantics as Semantics
from .estimate import GenerateConfig as GenerateConfig
from .generate import generate_texts as generate_texts
from .importers import import_semantics as import_semantics
from .importers import import_text_sets as import_text_sets
from .local_models import LocalModel as LocalModel
from .masked_language import MaskedLanguage as MaskedLanguage
from .slots import slot_statistics as slot_statistics
from .text_encoder import LanguageRecord as LanguageRecord
from .text_encoder import TextEncoder as TextEncoder
from .text_encoder import load_text_encoder as load_text_encoder
from .text_files import builtin_texts as builtin_texts
from .text_files import load_texts as load_texts
from .text_models import EndpointModel as EndpointModel
from .texts import BODY_PARTS as BODY_PARTS
from .texts import TEXT_SETS as TEXT_SETS
from .texts import ClassTexts as ClassTexts
from .texts import Context as Context
from .tokens import TokenTexts as TokenTexts
from .tokens import join_tokens as join_tokens
from .words import parse_classes as parse_classes

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
