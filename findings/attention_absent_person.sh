#!/usr/bin/env bash
# PyTorch 2.13.0: attention over a person who is absent is 0 in training and NaN in evaluation, by the same module.
#
# A clip of one person in an array for two has a second sequence whose frames are all padding. For it
# `MultiheadAttention` with `need_weights=False` gives zeros where gradients are recorded, and in evaluation, where a
# faster path is taken, NaN; with `need_weights=True`, the default, NaN throughout. A mean over persons or a batch norm
# behind it makes that NaN the feature of the whole clip. `TransformerEncoder` on the same input gives numbers where
# gradients are recorded and zeros in evaluation at every frame of padding, also of sequences that have valid frames:
# whoever averages over all frames gets another feature in evaluation than in training. No message says any of it; the
# documentation of `key_padding_mask` tells which keys are ignored, not what is left when all are. Seen with PyTorch
# 2.13.0 on Python 3.11; it installs a build of PyTorch, which may be large. This project refuses a clip without a valid
# frame before it reaches attention, and averages over valid positions alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
cd "$folder"
seen=$(venv/bin/python -W ignore -c '
import torch
from torch import nn

torch.manual_seed(0)
frames = torch.randn(2, 3, 8)  # two persons, three frames
absent = torch.tensor([[False, False, False], [True, True, True]])
late = torch.tensor([[False, False, False], [False, False, True]])
attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 1).eval()


def kind(values):
    return "NaN" if values.isnan().all() else "0" if (values == 0).all() else "numbers"


for gradients in (True, False):
    with torch.set_grad_enabled(gradients):
        asked = {"key_padding_mask": absent}
        found = [kind(attention(*[frames] * 3, need_weights=w, **asked)[0][1]) for w in (False, True)]
        padding = kind(encoder(frames, src_key_padding_mask=late)[1, 2])
    told = f"absent person {found[0]}, with weights {found[1]}; padding after the encoder {padding}"
    print(f"gradients {gradients}: {told}")
')
echo "$seen"
expected='gradients True: absent person 0, with weights NaN; padding after the encoder numbers
gradients False: absent person NaN, with weights NaN; padding after the encoder 0'
[ "$seen" = "$expected" ] || { echo "PyTorch behaves differently now" >&2; exit 1; }
