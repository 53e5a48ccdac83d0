from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from PIL import Image

from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.data.splits import class_names
from zsar_kit.errors import ConfigError
from zsar_kit.experiments.studies.notebooks import (
    AblateFloraParameters,
    AblateSkeletonContextParameters,
    AuditParameters,
    BrowserParameters,
    ClipParameters,
    ErrorParameters,
    EvaluateParameters,
    FlowParameters,
    InspectParameters,
    LatentParameters,
    PaperParameters,
    QuickstartParameters,
    SemanticsParameters,
    SensitivityParameters,
    SimilarClassesParameters,
    TrainParameters,
    project_path,
    read_parameters,
)
from zsar_kit.experiments.studies.primitive_notebooks import FormParameters, PrimitivesParameters
from zsar_kit.primitives.forms import load_form

NOTEBOOKS = sorted((Path(__file__).resolve().parents[3] / "notebooks").glob("*.ipynb"))
PARAMETERS = {
    "00_quickstart": QuickstartParameters,
    "01_data_audit": AuditParameters,
    "02_skeleton_browser": BrowserParameters,
    "03_semantic_space": SemanticsParameters,
    "13_primitives": PrimitivesParameters,
    "30_latent_space": LatentParameters,
    "31_flow_fields": FlowParameters,
    "32_prompt_reconstruction": ClipParameters,
    "33_key_parts": ClipParameters,
    "10_train_method": TrainParameters,
    "50_inspect_contexts": InspectParameters,
    "51_explore_flows": InspectParameters,
    "52_explore_errors": ErrorParameters,
    "11_evaluate_zsl_gzsl": EvaluateParameters,
    "20_ablate_flora": AblateFloraParameters,
    "21_ablate_skeleton_context": AblateSkeletonContextParameters,
    "22_sensitivity": SensitivityParameters,
    "23_similar_classes": SimilarClassesParameters,
    "40_tables_and_figures": PaperParameters,
    "53_edit_forms": FormParameters,
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_thin_and_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[1].metadata.tags == ["parameters"]
    assert len(code) <= 12
    for cell in code:
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 15
        assert not any(line.startswith(("def ", "class ")) for line in cell.source.splitlines())
    for line in code[0].source.splitlines():
        assert "  # " in line, "each parameter has a comment"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_parameters_cell_is_what_the_parameter_class_says(path):
    values: dict = {}
    exec(nbformat.read(path, as_version=4).cells[1].source, {}, values)
    kind = PARAMETERS[path.stem]
    assert read_parameters(kind, values) == kind.from_dict(values) == kind()


def test_other_names_of_a_notebook_are_not_taken_for_parameters():
    namespace = {
        "seeds": [1, 2],
        "_i1": "x",
        "In": [],
        "Out": {},
        "json": json,
        "read_parameters": read_parameters,
    }
    assert read_parameters(QuickstartParameters, namespace).seeds == (1, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sed": [1]}, "unknown key 'sed'.*Did you mean"),
        ({"seeds": "0"}, "'seeds' must be"),
        ({"sample": 1.5}, "int"),
        ({"sample": float("nan")}, "'sample' must be finite"),
        ({"seeds": [0, float("inf")]}, "'seeds' must be finite"),
    ],
)
def test_misspelt_and_mistyped_parameters_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        read_parameters(QuickstartParameters, given)


@pytest.mark.parametrize("kind", [QuickstartParameters, TrainParameters])
def test_a_notebook_needs_a_seed(kind):
    with pytest.raises(ConfigError, match="at least one seed"):
        read_parameters(kind, {"seeds": []})


def test_paths_mean_the_same_from_the_root_and_from_the_notebooks_folder(tmp_path, monkeypatch):
    root = NOTEBOOKS[0].parents[1]
    for folder in (root, root / "notebooks"):
        monkeypatch.chdir(folder)
        assert project_path("workspace") == root / "workspace"
        assert project_path(str(tmp_path)) == tmp_path
    monkeypatch.chdir(tmp_path)
    assert project_path("workspace") == Path("workspace")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (SemanticsParameters, {"text_sets": ["label"]}, "two or more, for comparison"),
        (SemanticsParameters, {"text_set": "motoin"}, "unknown text set 'motoin'.*Did you mean 'motion'"),
        (SemanticsParameters, {"neighbours": 0}, "at least 1"),
        (LatentParameters, {"projections": ["umpa"]}, "unknown projection 'umpa'.*Did you mean 'umap'"),
        (LatentParameters, {"projections": []}, "one or more"),
        (FlowParameters, {"samples": 0}, "at least 1"),
        (FlowParameters, {"time": 1.5}, r"in \[0, 1\]"),
        (FlowParameters, {"texts": ["bow", "bow"]}, "texts"),
        (ClipParameters, {"samples": [-1]}, "clip numbers, counted from 0"),
        (ClipParameters, {"k": 0}, "at least 1"),
        (BrowserParameters, {"layers": ["rew"]}, "unknown layer 'rew'.*Did you mean 'raw'"),
        (BrowserParameters, {"layers": []}, "at least one layer"),
        (BrowserParameters, {"rate": 0}, "above 0 frames per second"),
        (BrowserParameters, {"number": -1}, "at least 0"),
        (BrowserParameters, {"frames": 0}, "at least 1"),
        (BrowserParameters, {"action": 1.5}, "'action' must be"),
        (PaperParameters, {"ids": []}, "one or more"),
        (PaperParameters, {"ids": ["flora/tabel3"]}, "Did you mean 'flora/table3'"),
        (PaperParameters, {"rows": ["no such row"]}, "no row 'no such row'"),
        (PaperParameters, {"overrides": {"align.step": 3}}, r"unknown key 'align\.step'"),
        (PaperParameters, {"engine": "cloud"}, "'kind' must be one of"),
        (PaperParameters, {"preset": "papr"}, "unknown preset 'papr'.*Did you mean 'paper'"),
        (FormParameters, {"attribute": "hips_dwn"}, "unknown attribute 'hips_dwn'.*Did you mean 'hips_down'"),
        (FormParameters, {"form": "mine"}, "a path that ends in .toml"),
        (FormParameters, {"action": " "}, "the name of an action"),
    ],
)
def test_parameters_out_of_range_are_refused(kind, given, message):
    with pytest.raises(ConfigError, match=message):
        read_parameters(kind, given)


FEW_STEPS = {"align.steps": 20, "flow.steps": 10, "align.latent_dim": 32}
ONE_EPOCH = {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200}


def execute(name: str, tmp_path: Path, **parameters):
    (path,) = [p for p in NOTEBOOKS if p.stem == name]
    out = tmp_path / f"{name}.ipynb"
    papermill.execute_notebook(str(path), str(out), parameters=parameters, progress_bar=False, cwd=str(tmp_path))
    return nbformat.read(out, as_version=4)


@pytest.fixture
def tiny_workspace(tmp_path):
    """A workspace with a tiny set: two sequences of two persons each, of two classes and one subject."""
    motion = np.random.default_rng(0).normal(size=(2, 2, 9, 25, 3)).astype(np.float32)
    sequences = [SkeletonSequence(f"s{i}", motion[i], i, subject=1, camera=1 + i) for i in range(2)]
    folder = tmp_path / "workspace" / "skeletons" / "uwa3d-ii"
    parts = {"xview": lambda name: name == "s0"}
    names = class_names("uwa3d_ii")
    SkeletonSet.write(folder, sequences, dataset="uwa3d_ii", layout="ntu25", class_names=names, inputs={}, parts=parts)
    return tmp_path / "workspace"


def drawn_pictures(notebook) -> int:
    """The number of pictures in a notebook's outputs; each has drawn its data, not axes alone.

    Data are coloured: what is strongly coloured makes up a part of each picture.
    """
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    found = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    for number, picture in enumerate(found):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")).astype(int)
        coloured = (pixels.max(2) - pixels.min(2) > 40).mean()
        assert coloured > 5e-4, f"picture {number} has drawn no data"
    return len(found)


def streams(notebook) -> str:
    """What cells wrote as plain text, such as bars of progress."""
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    return "".join(o.get("text", "") for o in outputs if o.output_type == "stream")


@pytest.mark.slow
class TestExecutionOnSkeletonsAlone:
    """Notebooks that train nothing and read no text, on a set so small that they take seconds."""

    def test_the_audit_shows_its_tables_and_saves_its_figures(self, tiny_workspace, tmp_path):
        done = execute(
            "01_data_audit",
            tmp_path,
            dataset="uwa3d_ii",
            workspace=str(tiny_workspace),
            out=str(tmp_path / "figures"),
        )
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        tables = [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        assert len(tables) == 11
        assert any("in both" in t and "| 1 (1)" in t for t in tables), "subject 1 is in both parts"
        assert drawn_pictures(done) == 3
        assert "%|" not in streams(done)
        names = {path.name for path in (tmp_path / "figures").glob("*.png")}
        assert names == {f"audit-uwa3d-ii_{n}.png" for n in ("lengths", "classes", "coverage")}

    def test_the_form_editor_makes_a_form(self, tmp_path):
        form, figures = tmp_path / "mine.toml", tmp_path / "figures"
        done = execute("53_edit_forms", tmp_path, form=str(form), action="bow deeply", out=str(figures))
        data = [o.get("data", {}) for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert any("application/vnd.jupyter.widget-view+json" in d for d in data)
        assert load_form(form).class_names == ("bow deeply",)
        assert (figures / "my_form.png").is_file()

    def test_the_browser_leaves_pictures_and_pages(self, tiny_workspace, tmp_path):
        done = execute(
            "02_skeleton_browser",
            tmp_path,
            dataset="uwa3d_ii",
            action=1,
            workspace=str(tiny_workspace),
            out=str(tmp_path / "figures"),
        )
        data = [o.get("data", {}) for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert drawn_pictures(done) == 5
        pages = [d["text/html"] for d in data if "srcdoc" in d.get("text/html", "")]
        assert len(pages) == 3, "two stages and the browser play without a kernel"
        assert not any("application/vnd.jupyter.widget-view+json" in d for d in data)
        stems = {f"skeleton_uwa3d-ii_s1_{layer}" for layer in ("raw", "preprocessed")}
        assert {path.stem for path in (tmp_path / "figures").glob("*.html")} == stems
        assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == stems


@pytest.mark.slow
@pytest.mark.offline_lm
class TestExecution:
    def test_quickstart_runs_and_shows_a_table_and_figures(self, puppet_workspace, tmp_path):
        done = execute("00_quickstart", tmp_path, workspace=str(puppet_workspace.root))
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        tables = [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        assert drawn_pictures(done) == 5
        assert "%|" not in streams(done)
        assert any("Flora" in t and "chance" in t and "synthetic" in t for t in tables)

    def test_train_method_runs_and_saves_figures(self, puppet_workspace, tmp_path):
        done = execute(
            "10_train_method",
            tmp_path,
            workspace=str(puppet_workspace.root),
            overrides={"align.steps": 40, "flow.steps": 10, "align.latent_dim": 32, "text.max_tokens": 8},
            out=str(tmp_path / "figures"),
        )
        assert drawn_pictures(done) == 3, "losses, confusion, accuracy by class"
        assert len(list((tmp_path / "figures").glob("*.png"))) == 2

    def test_evaluate_reuses_runs_and_shows_scores_trade_off_and_failures(self, puppet_workspace, tmp_path):
        done = execute(
            "11_evaluate_zsl_gzsl", tmp_path, workspace=str(puppet_workspace.root), out=str(tmp_path / "figures")
        )
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        tables = [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        assert "AUSUC" in tables[0]
        assert "Only the last step is known" in tables[1]
        assert drawn_pictures(done) == 4
        names = {path.stem.rsplit("_", 1)[1] for path in (tmp_path / "figures").glob("*.png")}
        assert names == {"scores", "curve", "confusion", "differences"}

    def test_semantic_space_shows_and_saves_five_figures(self, puppet_workspace, tmp_path):
        done = execute(
            "03_semantic_space",
            tmp_path,
            workspace=str(puppet_workspace.root),
            text_sets=["label", "motion"],
            out=str(tmp_path / "figures"),
        )
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert drawn_pictures(done) == 5
        assert any("information on the class" in o["data"].get("text/markdown", "") for o in outputs if "data" in o)
        names = {path.stem.rsplit("_", 1)[1] for path in (tmp_path / "figures").glob("*.png")}
        assert names == {"similarity", "neighbours", "agreement", "slots", "words"}

    @pytest.mark.parametrize(
        ("name", "stems"),
        [
            ("30_latent_space", {"latents_puppet_23-5_s0_pca", "latents_puppet_23-5_s0_similarity"}),
            ("31_flow_fields", {"flow_puppet_23-5_s0"}),
        ],
    )
    def test_latent_figures_are_shown_with_what_they_mean_and_saved_with_their_data(
        self, puppet_workspace, tmp_path, name, stems
    ):
        parameters = {
            "30_latent_space": {"projections": ["pca"]},
            "31_flow_fields": {"skeleton": "jump up", "samples": 2},
        }
        done = execute(
            name,
            tmp_path,
            workspace=str(puppet_workspace.root),
            overrides={"align.steps": 40, "flow.steps": 10, "align.latent_dim": 32},
            out=str(tmp_path / "figures"),
            **parameters[name],
        )
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert sum("image/png" in o.get("data", {}) for o in outputs) == len(stems)
        said = " ".join(o["data"].get("text/markdown", "") for o in outputs if "data" in o)
        assert "not the latent space" in said
        for suffix in ("png", "pdf", "csv", "json"):
            assert {path.stem for path in (tmp_path / "figures").glob(f"*.{suffix}")} == stems

    @pytest.mark.parametrize(("name", "figures"), [("32_prompt_reconstruction", 4), ("33_key_parts", 3)])
    def test_readings_of_clips_are_shown_and_saved(self, puppet_workspace, tmp_path, name, figures):
        done = execute(
            name,
            tmp_path,
            workspace=str(puppet_workspace.root),
            overrides={"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200},
            samples=[1, 80, 160],
            out=str(tmp_path / "figures"),
        )
        assert drawn_pictures(done) == figures
        assert len(list((tmp_path / "figures").glob("*.png"))) == 3

    def test_primitives_show_agreement_reasons_and_what_errors_hang_on(self, puppet_workspace, tmp_path):
        done = execute(
            "13_primitives", tmp_path, workspace=str(puppet_workspace.root), out=str(tmp_path / "figures"), device="cpu"
        )
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        texts = [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        assert "both authors know" in texts[0]
        assert sum("What decided" in t for t in texts) == 5
        assert "test labels" in texts[-1]
        assert sum("image/png" in o.get("data", {}) for o in outputs) == 5
        assert len(list((tmp_path / "figures").glob("why_*.png"))) == 5

    @pytest.mark.parametrize(
        ("name", "overrides"),
        [
            (
                "50_inspect_contexts",
                {"training.epochs": 2, "training.milestones": [1], "grounding.vocabulary": 200},
            ),
            ("51_explore_flows", {"align.steps": 40, "flow.steps": 20, "align.latent_dim": 32, "text.max_tokens": 8}),
        ],
    )
    def test_explorers_leave_what_plays_without_a_kernel(self, puppet_workspace, tmp_path, name, overrides):
        out = tmp_path / "figures"
        done = execute(name, tmp_path, workspace=str(puppet_workspace.root), overrides=overrides, out=str(out))
        data = [o.get("data", {}) for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert drawn_pictures(done) == 1
        assert sum("srcdoc" in d.get("text/html", "") for d in data) == 1
        assert {path.suffix for path in out.iterdir()} == {".png", ".json", ".html"}

    @pytest.mark.parametrize(
        ("name", "ids", "rows", "overrides", "pictures"),
        [
            ("20_ablate_flora", ["flora/table3"], ["neither", "Flora"], FEW_STEPS, 1),
            (
                "21_ablate_skeleton_context",
                ["skeleton_context/table7"],
                ["environment", "SkeletonContext"],
                ONE_EPOCH,
                1,
            ),
            ("22_sensitivity", ["flora/fig9"], ["τ = 0.1", "τ = 0.8"], FEW_STEPS, 1),
            (
                "23_similar_classes",
                ["skeleton_context/table4"],
                ["ridge to motion text", "SkeletonContext"],
                ONE_EPOCH,
                0,
            ),
            ("40_tables_and_figures", ["flora/table5", "flora/fig10"], ["Flora"], FEW_STEPS, 1),
        ],
    )
    def test_tables_and_figures_of_the_papers(self, puppet_workspace, tmp_path, name, ids, rows, overrides, pictures):
        out = tmp_path / "figures"
        done = execute(
            name, tmp_path, workspace=str(puppet_workspace.root), ids=ids, rows=rows, overrides=overrides, seeds=[0],
            engine="serial", out=str(out),
        )  # fmt: skip
        outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
        assert sum("image/png" in o.get("data", {}) for o in outputs) == pictures
        tables = [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        assert all(any(f"{one}:" in table for table in tables) for one in ids)
        assert {path.stem.rsplit("_23-5")[0] for path in out.rglob("*.json")} == {one.replace("/", "_") for one in ids}

    @pytest.mark.parametrize("wrong", [{"sede": [1]}, {"seeds": "0"}])
    def test_papermill_with_a_wrong_parameter_fails_and_leaves_the_executed_copy(self, tmp_path, wrong):
        with pytest.raises(papermill.PapermillExecutionError, match="ConfigError"):
            execute("10_train_method", tmp_path, **wrong)
        assert (tmp_path / "10_train_method.ipynb").is_file()
