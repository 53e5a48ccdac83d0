"""The constants of "none of these" for ``zsar recognise``, fitted anew, and how well they carry over.

    python -m benchmarks.recognise_constants --workspace workspace            # prints AUROC and constants
    python -m benchmarks.recognise_constants --workspace workspace --write    # and stores them in the kit

Every clip of the prepared open data sets is compared with candidates of its own data set: its class and n - 1 others
that mean something else (known), and n others without it (none of these), for several n. A logistic regression on the
smallest distance, its margin and ln n is fitted with equal weight of each data set and of both sides. For the AUROC the
data set that is judged is left out of the fit. No class is chosen, and no attribute, form or setting depends on it.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from zsar_kit.artefacts import write_atomic
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.evaluation.open_set import auroc
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.primitives import none_of_these
from zsar_kit.primitives.attributes import VERSION, attributes_digest
from zsar_kit.primitives.compare import distances
from zsar_kit.primitives.forms import load_form, same_meaning
from zsar_kit.primitives.measure import KINECT_RATE, measure
from zsar_kit.primitives.none_of_these import NoneOfThese, statistics

DATASETS = ("utd_mhad", "nw_ucla", "kinder_gator")
#: numbers of candidates, and draws of the other candidates for each clip and number
COUNTS, DRAWS = (2, 3, 5, 9), 2
RESOURCE = Path(none_of_these.__file__).parent / "resources" / "none_of_these.toml"


@dataclass(frozen=True, eq=False)
class Sides:
    """Distances of clips from n candidates with the clip's class among them (first) and without, by n."""

    known: dict[int, np.ndarray]
    unknown: dict[int, np.ndarray]
    clips: int


def both_sides(dataset: str, skeletons: SkeletonSet, rng: np.random.Generator) -> Sides:
    """Draw candidates for each clip."""
    form = load_form(dataset)
    joints = (sequence.joints for sequence in skeletons)
    levels = measure(
        joints, skeletons.layout, rate=KINECT_RATE, names=skeletons.index.sample.tolist(), progress=True
    ).levels
    apart = np.stack([distances(row, form.levels) for row in levels])
    others = []
    for c in form.class_ids:
        same = {i for d, i in same_meaning([(dataset, c)]) if d == dataset}
        others.append([i for i, other in enumerate(form.class_ids) if other not in same])
    most = min(len(o) for o in others)
    known, unknown = {}, {}
    for n in (*(n for n in COUNTS if n <= most), most):
        inside, outside = [], []
        for row, label in zip(apart, skeletons.index.label, strict=True):
            own = form.class_ids.index(int(label))
            for _ in range(DRAWS):
                drawn = rng.permutation(others[own])[:n]
                outside.append(row[drawn])
                inside.append(row[[own, *drawn[: n - 1]]])
        known[n], unknown[n] = np.array(inside), np.array(outside)
    return Sides(known, unknown, len(levels))


def fit(sets: list[Sides]) -> NoneOfThese:
    """Constants from some data sets."""
    x, y, weight = [], [], []
    for one in sets:
        for positive, table in ((True, one.known), (False, one.unknown)):
            rows = np.concatenate([statistics(apart) for apart in table.values()])
            x.append(rows)
            y.append(np.full(len(rows), positive))
            weight.append(np.full(len(rows), 1.0 / len(rows)))
    rows, total = np.concatenate(x), np.concatenate(weight)
    scale = rows.std(0)
    model = LogisticRegression(C=1e4, max_iter=2000).fit(
        rows / scale, np.concatenate(y), sample_weight=total / total.mean()
    )
    distance, margin, candidates = (model.coef_[0] / scale).tolist()
    return NoneOfThese(float(model.intercept_[0]), distance, margin, candidates, _temperature(sets))


def _temperature(sets: list[Sides]) -> float:
    """The temperature with the smallest log loss of the clip's own class, each data set with equal weight."""

    def loss(log_temperature: float) -> float:
        by_set = []
        for one in sets:
            rows = [log_softmax(-apart / np.exp(log_temperature), axis=1)[:, 0] for apart in one.known.values()]
            by_set.append(np.concatenate(rows).mean())
        return -float(np.mean(by_set))

    return float(np.exp(minimize_scalar(loss, bounds=(-9.0, 2.0), method="bounded").x))


def judged(constants: NoneOfThese, one: Sides) -> dict[int, float]:
    """AUROC by number of candidates."""
    return {n: auroc(constants.one_of_these(one.known[n]), constants.one_of_these(one.unknown[n])) for n in one.known}


def resource_text(constants: NoneOfThese, sets: dict[str, Sides], areas: dict[str, dict[int, float]], seed: int) -> str:
    """The resource file."""
    lines = [
        '# Constants of "none of these" and of class probabilities in `zsar recognise` (see docs/recognise.md),',
        "# written by `python -m benchmarks.recognise_constants --write`: fitted on all clips of three sets together.",
        "[constants]",
        *(f"{name} = {value:.6g}" for name, value in vars(constants).items()),
        "",
        "[provenance]",
        f"date = {datetime.datetime.now(datetime.UTC).date().isoformat()}",
        f'attributes = "{attributes_digest()}"',
        f"measured_by = {VERSION}  # version of the functions that measure",
        f"seed = {seed}",
        *(f'{d} = {{ clips = {s.clips}, form = "{load_form(d).digest()}" }}' for d, s in sets.items()),
        "",
        "# AUROC of known against none of these by number of candidates, each data set judged by constants that are",
        "# fitted on the other two. The largest number is that of all classes that mean something else.",
        *(
            f"[auroc.{d}]\n" + "\n".join(f"{n} = {value:.3f}" for n, value in area.items()) + "\n"
            for d, area in areas.items()
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--seed", type=int, default=0, help="of the drawn candidates")
    parser.add_argument("--write", action="store_true", help="store the constants in the kit")
    options = parser.parse_args()
    workspace, rng = Workspace(options.workspace), np.random.default_rng(options.seed)
    sets = {d: both_sides(d, SkeletonSet.load(workspace.skeletons_folder(d)), rng) for d in DATASETS}
    areas = {d: judged(fit([s for other, s in sets.items() if other != d]), sets[d]) for d in DATASETS}
    text = resource_text(fit(list(sets.values())), sets, areas, options.seed)
    if options.write:
        write_atomic(RESOURCE, text.encode("utf-8"))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
