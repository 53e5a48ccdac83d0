"""``zsar recognise`` and ``zsar explain``: recognition out of the box, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import Common, CommonOptions, say
from zsar_kit.cli.reading import AS_READ, Reading


@dataclass(frozen=True)
class RecogniseOptions:
    """What to recognise, and among which classes."""

    clip: Annotated[Positional[str], arg(metavar="CLIP")]
    """a file of any format that `zsar data new` reads; a folder of such files; or - for a stream on standard input, one
    frame a line as JSON: [person, joint, xyz] in metres"""
    classes: str = ""
    """"squat; lunge: one leg steps far forward; wave"; @FILE reads a file; default: the known classes of the kit"""
    dataset: str = ""
    """only classes of this data set; with --classes: only its forms; not with --form alone"""
    form: str = ""
    """a .toml file with expected levels of classes of your own: these are the candidates; with --classes, a named class
    that it has takes its levels"""
    two_persons: bool = False
    """rank classes of two persons also for a clip with one person"""
    why: bool = False
    """say which attributes decided between the first two classes"""
    figures: str = ""
    """folder for a drawing of each explanation (implies --why)"""
    window: float = 3.0
    """seconds of a stream that are looked at together"""
    hop: float = 1.0
    """seconds from one answer to the next"""
    json: bool = False
    """answer in JSON, one line a clip or window"""
    language_model: str = "offline"
    """'offline', a model name, or a folder; used only for words that have no form"""
    reading: Reading = AS_READ


def recognise(asked: Annotated[RecogniseOptions, OmitArgPrefixes]) -> int:
    """Recognise the action of a clip by its motion: no training, no data set, no GPU.

    The data doctor looks at every clip; its line stands beside the answer. Exit code 3: clips of a folder could not be
    read, or were refused.
    """
    from zsar_kit.cli.answers.recognition import recognise_clip, recognise_folder, recognise_input
    from zsar_kit.experiments.pipeline.own_clip import is_one_clip

    if asked.clip == "-":
        recognise_input(asked)
        return 0
    if Path(asked.clip).is_dir() and not is_one_clip(Path(asked.clip)):
        return 3 if recognise_folder(asked) else 0
    say(recognise_clip(asked))
    return 0


def explain(
    run: Annotated[Positional[Path], arg(metavar="RUN")],
    clip: Annotated[Positional[str], arg(metavar="CLIP")] = "",
    among: Literal["", "unseen", "all"] = "",
    figures: str = "",
    reading: Reading = AS_READ,
    common: Common = CommonOptions(),
) -> None:
    """Why a run of kinematic primitives decided, and what misled it: attributes of a clip, measured and expected.

    Args:
        run: a run folder of the method primitives or primitives_calibrated.
        clip: name of a sample of the run's data set, or a clip as in `zsar recognise`. Without it: which attribute, if
            it were as expected, would mend most errors of the run (this looks at test labels).
        among: the classes that compete; default: all for a sample of a seen class, else the unseen ones.
        figures: folder for the drawing.
    """
    from zsar_kit.cli.answers.recognition import explain_run

    say(explain_run(common.open_for(run), run, clip, among, reading, figures))
