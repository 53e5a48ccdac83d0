"""The folder of a text model: where it is, whether it is complete, what identifies it, and how it pools.

Models are loaded in :mod:`zsar_kit.semantics.text_encoder`, not here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from zsar_kit.artefacts import file_digest, read_json
from zsar_kit.config import digest_of
from zsar_kit.errors import MissingModelError
from zsar_kit.semantics.offline import offline_model_folder

OFFLINE = "offline"
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
_WEIGHTS: tuple[str, ...] = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*-of-*.bin",
)


def locate_model(name_or_folder: str | Path) -> tuple[Path, str]:
    """The folder of a text model, and its name for the record.

    Raises:
        MissingModelError: there is no such folder; or the hub has no such model or cannot be reached.
    """
    if str(name_or_folder) == OFFLINE:
        return offline_model_folder(), "all-MiniLM-L6-v2"
    if Path(name_or_folder).is_dir():
        return Path(name_or_folder), Path(name_or_folder).resolve().name
    if isinstance(name_or_folder, Path) or not _is_hub_name(name_or_folder):
        raise MissingModelError(
            f"no folder {str(name_or_folder)!r} with a text model",
            remedy='Check the path, or use "offline", the default model that needs no hub.',
        )
    return _hub_folder(name_or_folder), name_or_folder


def _is_hub_name(name: str) -> bool:
    """``owner/model`` or ``model``; anything else was meant as a path."""
    parts = name.split("/")
    return 1 <= len(parts) <= 2 and all(p and p[0] not in ".~" for p in parts) and "\\" not in name


def _hub_folder(name: str) -> Path:
    import huggingface_hub

    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    folder = Path()
    try:
        # Prefer weights as safetensors; older models have only the other format.
        for patterns in (["*.json", "*.txt", "*.model", "*.jinja", *_WEIGHTS[:2]], [*_WEIGHTS[2:]]):
            found = huggingface_hub.snapshot_download(name, allow_patterns=patterns, local_files_only=offline)
            folder = Path(found)
            if _found_weights(folder):
                break
    except Exception as error:  # network libraries raise all kinds of errors; the remedy is the same
        state = "HF_HUB_OFFLINE is set and it is not in the local cache" if offline else first_line(error)
        raise MissingModelError(
            f"the text model {name!r} could not be fetched from the Hugging Face hub: {state}",
            remedy='Check name and network, give a folder that holds the model, or use "offline".',
        ) from error
    return folder


def _found_weights(folder: Path) -> list[Path]:
    """The weight files, preferably safetensors."""
    return next((found for pattern in _WEIGHTS if (found := sorted(folder.glob(pattern)))), [])


def settings_digest(folder: Path) -> str:
    """Twelve digits that identify the small files that decide how a text is read: configuration and tokenizer."""
    names = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt", "modules.json")
    names = (*names, "sentence_bert_config.json", "1_Pooling/config.json", *_TOKENIZER_FILES)
    return digest_of([[n, file_digest(folder / n)] for n in names if (folder / n).is_file()])


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a folder, after a check that it has a configuration and a tokenizer too.

    Without this check, transformers would silently make up an empty vocabulary.

    Raises:
        MissingModelError: the folder is not a complete text model.
    """
    weights = _found_weights(folder)
    has_tokenizer = any((folder / n).is_file() for n in _TOKENIZER_FILES)
    needed = {
        "config.json": (folder / "config.json").is_file(),
        "tokenizer (tokenizer.json, vocab.txt, ...)": has_tokenizer,
        "weights (model.safetensors)": bool(weights),
    }
    if absent := [what for what, there in needed.items() if not there]:
        raise MissingModelError(
            f"not a text model: no {absent[0]}", where=folder, remedy="Copy the whole model folder."
        )
    return weights


def weights_digest(files: Sequence[Path]) -> str:
    """SHA-256 of the weights: of the file, or of the names and digests of several."""
    digests = [file_digest(path) for path in files]
    if len(digests) == 1:
        return digests[0]
    lines = "\n".join(f"{path.name}:{digest}" for path, digest in zip(files, digests, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def declared_pooling(folder: Path) -> str:
    """The pooling of a sentence-transformers folder, or the mean if none is declared.

    Returns:
        ``"mean"`` or ``"first token"``, followed by ``", unit length"`` if the folder normalises.

    Raises:
        MissingModelError: the folder declares a module or a pooling that is not supported.
    """
    if not (folder / "modules.json").is_file():
        return "mean"
    modules = [(str(m["type"]).rsplit(".", 1)[-1], str(m["path"])) for m in read_json(folder / "modules.json")]
    if unknown := [kind for kind, _ in modules if kind not in ("Transformer", "Pooling", "Normalize")]:
        raise MissingModelError(f"the module {unknown[0]!r} of this sentence model is not supported", where=folder)
    rules = [read_json(folder / path / "config.json") for kind, path in modules if kind == "Pooling"]
    rule = rules[0] if rules else {"pooling_mode": "mean"}
    # Older folders have one switch per mode, newer ones the mode's name.
    modes = {k.removeprefix("pooling_mode_").removesuffix("_tokens") for k, v in rule.items() if v is True}
    modes = modes & {"cls_token", "mean", "max", "mean_sqrt_len", "weightedmean", "lasttoken"}
    if not modes:
        modes = {str(rule.get("pooling_mode"))}
    names = {"mean": "mean", "cls_token": "first token", "cls": "first token"}
    if len(modes) != 1 or not modes <= set(names):
        raise MissingModelError(
            f"the pooling {sorted(modes)} of this sentence model is not supported",
            where=folder,
            remedy="Supported are mean and first token (cls).",
        )
    normalised = any(kind == "Normalize" for kind, _ in modules)
    return names[modes.pop()] + (", unit length" if normalised else "")


def first_line(error: Exception) -> str:
    """The first line of another library's exception, cut to fit a message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
