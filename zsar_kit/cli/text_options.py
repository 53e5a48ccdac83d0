"""Options of ``zsar texts generate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GenerateOptions:
    """Which model writes, what, and what it may cost."""

    model: str
    """name of the model at the endpoint; without --base-url, a folder with a causal language model"""
    out: Path
    """file to write (.toml); all answers are kept in a folder beside it"""
    base_url: str = ""
    """address of an OpenAI-compatible endpoint"""
    dataset: str = ""
    """name of the data set; default: the name of the file"""
    key_env: str = "OPENAI_API_KEY"
    """environment variable that holds the key; the key is never stored"""
    temperature: float | None = None
    """0 always takes the likeliest word; default: 0 for texts, 0.7 for forms, so that their two answers can differ"""
    max_tokens: int = 4000
    """maximum length of an answer, in tokens"""
    attempts: int = 3
    """answers requested per class before it counts as failed; each request names the faults of the last answer"""
    price_in: float | None = None
    """price per million input tokens"""
    price_out: float | None = None
    """price per million output tokens"""
    max_price: float | None = None
    """nothing is sent if the run could cost more"""
    timeout: float = 120.0
    """seconds without a reply after which a request counts as failed"""
    retries: int = 4
    """how often a failed request is sent again, with growing pauses"""
    estimate: bool = False
    """only estimate the cost"""
    form: bool = False
    """fill forms of expected levels instead of writing texts: each question is asked twice"""
    texts: str = ""
    """forms: data set or .toml file with texts of the classes, quoted in the questions"""
    longest: int = 16000
    """forms: longest question in bytes; a form that needs more is asked for topic by topic"""
