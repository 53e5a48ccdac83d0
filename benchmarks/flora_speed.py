"""Flora against a straightforward implementation of its equations: one step of each phase, and scoring.

The reference follows released code: a Python loop over classes, texts padded to 61 tokens with the padding computed
like text, the skeleton feature repeated and encoded at each token, the text encoded again for each sample. Both use the
same weights and alternate in one run on one thread; medians are compared. The texts are those of UTD-MHAD, with
realistic lengths: label and definition (about as long as the descriptions of published work), or label and motion with
``--texts label motion`` (twice as long).

``python -m benchmarks.flora_speed`` prints one JSON record and draws ``figures/bench/flora_cost.png``; it fails unless
errors agree to ``1e-4`` and the ratios reach ``--required``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from zsar_kit.models.flora.cross_vae import CrossVAE, Gaussian, pair_latents
from zsar_kit.models.flora.objective import FlowBatch, contrast_indices, flow_loss, sample_times
from zsar_kit.models.flora.path import StraightPath
from zsar_kit.models.flora.scoring import velocity_errors
from zsar_kit.models.flora.velocity import VelocityDiT
from zsar_kit.plotting.style import ensure_axes, figure, label_axes, save_figure
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import load_text_encoder
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.tokens import join_tokens

SKELETON, LATENT, BATCH, TOKENS, FEW_CLASSES = 256, 768, 64, 60, 6
PATH = StraightPath()
REQUIRED = {"scoring": 5.0, "align_step": 3.0, "flow_step": 3.0}


@dataclass(frozen=True)
class World:
    """Weights, texts and a batch, the same for both sides."""

    vae: CrossVAE
    field: VelocityDiT
    tokens: Tensor
    mask: Tensor
    x_s: Tensor
    rows: Tensor


def build(
    classes: int | None = None,
    max_tokens: int = TOKENS,
    batch: int = BATCH,
    sets: Sequence[str] = ("label", "definition"),
) -> World:
    """Texts of UTD-MHAD, random features and weights; the velocity field's last layer is made non-zero."""
    encoder, texts = load_text_encoder("offline"), load_texts("utd_mhad")
    joined = join_tokens([Semantics.build(texts, name, encoder) for name in sets], max_tokens)
    g = torch.Generator().manual_seed(0)
    every = len(joined.class_ids)
    chosen = torch.arange(classes or every) * (every // (classes or every))  # spread out, so that lengths are typical
    tokens, mask = torch.from_numpy(joined.tokens)[chosen], torch.from_numpy(joined.mask)[chosen]
    width = max_tokens + 1
    tokens = nn.functional.pad(tokens, (0, 0, 0, width - tokens.shape[1]))
    mask = nn.functional.pad(mask, (0, width - mask.shape[1]))
    vae = CrossVAE(SKELETON, tokens.shape[2], LATENT, generator=g)
    field = VelocityDiT(LATENT, depth=1, heads=12, mlp_ratio=4.0, generator=g)
    with torch.no_grad():
        for parameter in field.parameters():
            if not parameter.any():
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=g))
    x_s = torch.randn(batch, SKELETON, generator=g)
    return World(vae, field, tokens, mask, x_s, torch.arange(batch) % len(mask))


def plain_align(w: World) -> Callable[[], None]:
    """Eq. 9-11 with everything computed at all 61 tokens of all samples."""
    optimizer, g = torch.optim.AdamW(w.vae.parameters(), lr=0.0), torch.Generator().manual_seed(1)

    def step() -> None:
        x_a = w.tokens[w.rows]
        x_s = w.x_s[:, None].expand(-1, x_a.shape[1], -1)
        s, a = w.vae.encode_skeleton(x_s), w.vae.encode_text(x_a)
        z_s = s.sample(torch.randn(s.mu.shape, generator=g))
        z_a = a.sample(torch.randn(a.mu.shape, generator=g))
        mse = nn.functional.mse_loss
        loss = (
            mse(w.vae.decode_skeleton(z_s), x_s)
            + mse(w.vae.decode_text(z_a), x_a)
            + mse(w.vae.decode_skeleton(z_a), x_s)
            + mse(w.vae.decode_text(z_s), x_a)
        ) / 4 + 0.1 * (mse(s.mu, a.mu) + mse(s.log_variance.exp(), a.log_variance.exp()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_align(w: World) -> Callable[[], None]:
    """The kit's step."""
    optimizer, g = torch.optim.AdamW(w.vae.parameters(), lr=0.0), torch.Generator().manual_seed(1)

    def step() -> None:
        loss = torch.stack(list(w.vae.losses(w.x_s, w.rows, w.tokens, w.mask, g).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def plain_flow(w: World) -> Callable[[], None]:
    """Eq. 12-13 with padding as text; the frozen encoders run at each token of each sample in each step."""
    optimizer, g = torch.optim.AdamW(w.field.parameters(), lr=0.0), torch.Generator().manual_seed(1)

    def step() -> None:
        with torch.no_grad():
            x_a = w.tokens[w.rows]
            s = w.vae.encode_skeleton(w.x_s[:, None].expand(-1, x_a.shape[1], -1))
            a = w.vae.encode_text(x_a)
            z_1, z_0 = (q.sample(torch.randn(q.mu.shape, generator=g)) for q in (s, a))
        t = sample_times(len(z_0), g)
        other = [_another(w.rows, i, g) for i in range(len(z_0))]
        v_star = PATH.velocity(z_0, z_1)
        v = w.field(PATH.interpolate(z_0, z_1, t), t)
        loss = (v - v_star).square().mean() - 0.1 * (v - v_star[other]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _another(rows: Tensor, i: int, g: torch.Generator) -> int:
    choices = [j for j in range(len(rows)) if rows[j] != rows[i]]
    return choices[int(torch.randint(len(choices), (), generator=g))]


def our_flow(w: World) -> Callable[[], None]:
    """The kit's step; texts are encoded once for the whole phase."""
    optimizer, g = torch.optim.AdamW(w.field.parameters(), lr=0.0), torch.Generator().manual_seed(1)
    with torch.no_grad():
        texts = w.vae.encode_text(w.tokens)

    def step() -> None:
        with torch.no_grad():
            pairs = pair_latents(w.vae.encode_skeleton(w.x_s), texts, w.rows, w.mask, g)
        flow_batch = FlowBatch(pairs.z_a, pairs.z_s, pairs.mask, sample_times(len(w.x_s), g))
        losses = flow_loss(w.field, flow_batch, contrast=contrast_indices(w.rows, g))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()

    return step


def plain_scores(w: World, *, masked: bool = False) -> Tensor:
    """Eq. 14, one class after the other.

    Args:
        w: the data to score.
        masked: exclude padding from attention and error, as the kit does (it is still computed), so that results can be
            compared; released code treats it as text.
    """
    columns = []
    for c in range(len(w.tokens)):
        x_a = w.tokens[c].expand(len(w.x_s), -1, -1)
        z_0 = w.vae.encode_text(x_a).mu
        z_1 = w.vae.encode_skeleton(w.x_s[:, None].expand(-1, x_a.shape[1], -1)).mu
        t = torch.full((len(z_0),), 0.5)
        mask = w.mask[c].expand(len(w.x_s), -1)
        v = w.field(PATH.interpolate(z_0, z_1, t), t, mask if masked else None)
        squared = (v - PATH.velocity(z_0, z_1)).square().sum(-1)
        columns.append((squared[mask].view(len(squared), -1) if masked else squared).mean(1).sqrt())
    return torch.stack(columns, 1)


def our_scores(w: World, *, mask: Tensor | None = None, texts: Gaussian | None = None) -> Tensor:
    """The kit's scores; with a mask of all True, padding is treated as text."""
    texts = w.vae.encode_text(w.tokens) if texts is None else texts
    return velocity_errors(w.field, w.vae.encode_skeleton(w.x_s).mu, texts.mu, w.mask if mask is None else mask)


def medians(sides: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each side; the sides alternate after one warm-up each."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, work in sides.items():
            started = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - started)
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def bf16_scores(w: World) -> Tensor:
    """The kit's scores with the network in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return our_scores(w)


def measure(repeats: int, sets: Sequence[str]) -> dict:
    """All ratios."""
    w = build(sets=sets)
    record: dict = {
        "texts": list(sets),
        "tokens": {"padded": w.mask.shape[1], "real, mean": round(float(w.mask.sum(1).float().mean()), 1)},
    }
    for name, plain, ours in (("align_step", plain_align, our_align), ("flow_step", plain_flow, our_flow)):
        seconds = medians({"plain": plain(w), "ours": ours(w)}, repeats)
        record[name] = {**_rounded(seconds), "ratio": round(seconds["plain"] / seconds["ours"], 2)}
    with torch.inference_mode():
        seconds = medians({"plain": lambda: plain_scores(w), "ours": lambda: our_scores(w)}, min(repeats, 3))
        few = build(FEW_CLASSES, sets=sets)
        every = torch.ones_like(few.mask)
        exact, low = our_scores(few), bf16_scores(few)
        worst = {
            "padding masked": _difference(exact, plain_scores(few, masked=True)),
            "padding as text": _difference(our_scores(few, mask=every), plain_scores(few)),
        }
        apart = medians(
            {
                "plain": lambda: plain_scores(few),
                "padding as text": lambda: our_scores(few, mask=every),
                "bf16": lambda: bf16_scores(few),
            },
            min(repeats, 3),
        )
    record["scoring"] = {
        **_rounded(seconds),
        "classes": len(w.tokens),
        "ratio": round(seconds["plain"] / seconds["ours"], 2),
        "largest relative difference": worst,
        f"apart, with {FEW_CLASSES} classes": {
            **_rounded(apart),
            "ratio, padding as text": round(apart["plain"] / apart["padding as text"], 2),
            "ratio, bf16": round(apart["plain"] / apart["bf16"], 2),
            "bf16, largest relative difference": _difference(low, exact),
        },
    }
    return record


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}, s": round(value, 4) for name, value in seconds.items()}


def _difference(a: Tensor, b: Tensor) -> float:
    return float(((a - b).abs() / b.abs()).max())


def costs() -> dict[str, dict[int, float]]:
    """Seconds of the kit's scoring for different numbers of classes, tokens and samples."""
    found: dict[str, dict[int, float]] = {"classes": {}, "tokens": {}, "samples": {}}
    variants = {
        "classes": {n: {"classes": n, "batch": 16} for n in (3, 9, 27)},
        "tokens": {n: {"classes": 6, "batch": 16, "max_tokens": n} for n in (1, 5, 15, 30)},
        "samples": {n: {"classes": 3, "batch": n} for n in (8, 32, 128)},
    }
    for axis, settings in variants.items():
        for n, setting in settings.items():
            w = build(**setting)
            with torch.inference_mode():
                x = n + 1 if axis == "tokens" else n
                found[axis][x] = medians({"ours": lambda w=w: our_scores(w)}, 3)["ours"]
    return found


def draw(found: Mapping[str, Mapping[int, float]], stem: Path) -> None:
    """Three panels: cost against classes, tokens (maximum, including the pooled one) and samples."""
    fig = figure(9.0, 3.0)
    titles = {"classes": "classes", "tokens": "tokens of a text, at most", "samples": "samples"}
    for i, (axis, values) in enumerate(found.items()):
        ax = ensure_axes(fig.add_subplot(1, 3, i + 1), width=3.0, height=3.0)
        ax.plot(list(values), [1000 * v for v in values.values()], marker="o")
        ax.set_ylim(bottom=0)
        ax.set_xlim(left=0)
        label_axes(ax, x=titles[axis], y="scoring, ms" if i == 0 else "")
    save_figure(fig, stem, runs=(), costs={k: {str(n): s for n, s in v.items()} for k, v in found.items()})


def main() -> int:
    """Measure, print, draw; exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--texts", nargs="+", default=["label", "definition"])
    parser.add_argument("--figure", type=Path, default=Path("figures/bench/flora_cost"))
    parser.add_argument("--required", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    record = measure(options.repeats, options.texts)
    found = costs()
    draw(found, options.figure)
    record["cost, s"] = {k: {n: round(s, 4) for n, s in v.items()} for k, v in found.items()}
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    missed = [name for name, ratio in REQUIRED.items() if record[name]["ratio"] < ratio]
    if max(record["scoring"]["largest relative difference"].values()) > 1e-4:
        missed.append("equal scores")
    if missed and options.required:
        sys.stderr.write(f"missed: {', '.join(missed)}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
