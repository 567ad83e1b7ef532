"""An edit beside its input, and the same edit made worse on purpose."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import FaceError, UsageError
from cmet_cli.evaluation.evaluate import Evaluator, agreement, shift
from cmet_cli.evaluation.marks import BY_NAME
from cmet_cli.evaluation.networks.expression import Description, ExpressionJudge
from cmet_cli.evaluation.networks.load import Networks
from cmet_cli.evaluation.protocol import Protocol
from cmet_cli.media.program import bundled_ffmpeg

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
OTHER_WORDS = EXAMPLE.parent / "voices" / "happy.wav"
LOSSLESS = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-c:a", "copy"]


def ffmpeg(*words):
    subprocess.run([bundled_ffmpeg(), "-loglevel", "error", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def editor():
    return EmotionEditor.from_weights(model="mini")


@pytest.fixture(scope="module")
def evaluate(editor):
    return Evaluator(editor.model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def source(folder):
    ffmpeg("-i", EXAMPLE, "-t", 2, *LOSSLESS, folder / "in.mkv")
    return folder / "in.mkv"


@pytest.fixture(scope="module")
def edit(folder, source, editor):
    output = folder / "edit.mkv"
    editor.edit(source, None, output, options=EditOptions(emotion="happy", crf=0))
    return output


@pytest.fixture(scope="module")
def good(evaluate, source, edit):
    return evaluate(source, edit, "happy")


def test_nothing_moves_on_the_untouched_copy(evaluate, source):
    values = evaluate(source, source).values
    still = {"times_s", "sync_s", "outside", "outside_most", "exposure", "colour", "change"}
    for name, value in values.items():
        if name != "expression":
            assert value == pytest.approx(0.0 if name in still else 1.0, abs=1e-4), name
    assert math.isnan(values["expression"])


def test_an_edit_is_unremarkable_and_goes_where_it_was_asked_to(evaluate, source, edit, good):
    assert good.flagged == ()
    assert good.values["change"] > 1
    assert good.values["expression"] > 0.9
    assert evaluate(source, edit, "sad").values["expression"] < 0.3


@pytest.mark.parametrize(
    ("how", "worse", "same"),
    [
        ("-vf gblur=sigma=2", "sharpness", ("mouth", "exposure", "sync_s")),
        (
            "-vf crop=iw-4:ih-4:2+2*mod(n\\,2):2+2*mod(n\\,2),scale=iw+4:ih+4",
            "flicker",
            ("exposure", "sync_s"),
        ),
        ("-vf eq=brightness=-0.08", "exposure", ("sharpness", "mouth", "pose")),
        ("-vf colorchannelmixer=rr=1.15:bb=0.8", "colour", ("sharpness", "mouth", "sync_s")),
        (
            "-vf drawbox=x=0:y=0:w=iw*0.12:h=ih*0.3:color=red:t=fill",
            "outside_most",
            ("sharpness", "flicker", "exposure", "mouth"),
        ),
        ("-vf select=not(eq(n\\,20)) -fps_mode passthrough", "frames", ("sharpness", "exposure")),
    ],
)
def test_each_figure_moves_on_what_it_is_for(
    evaluate, source, edit, good, tmp_path, how, worse, same
):
    spoilt = tmp_path / "spoilt.mkv"
    ffmpeg("-i", edit, *how.split(), *LOSSLESS, spoilt)
    found = evaluate(source, spoilt, "happy")
    assert worse in found.flagged
    for name in same:
        assert name not in found.flagged
        mark = BY_NAME[name]
        width = (mark.high - mark.low) / 4
        assert found.values[name] == pytest.approx(good.values[name], abs=width), name


@pytest.mark.parametrize("late_s", [0.08, -0.08])
def test_sound_that_comes_late_or_early(evaluate, edit, tmp_path, late_s):
    """Uncompressed: how an AAC stream begins differs by the version of ffmpeg."""
    plain, spoilt = tmp_path / "plain.mkv", tmp_path / "spoilt.mkv"
    ffmpeg("-i", edit, "-c:v", "copy", "-c:a", "pcm_s16le", plain)
    streams = ["-map", "1:v", "-map", "0:a", "-c", "copy"]
    ffmpeg("-itsoffset", late_s, "-i", plain, "-i", plain, *streams, spoilt)
    found = evaluate(plain, spoilt)
    assert found.values["sync_s"] == pytest.approx(late_s, abs=0.02)
    assert "sync_s" in found.flagged


def test_lips_of_other_words_go_badly_with_the_sound(evaluate, source, good, tmp_path):
    other = tmp_path / "other.mkv"
    ffmpeg("-i", source, "-vf", "reverse", *LOSSLESS, other)
    assert good.values["sync_like"] > 0.85
    assert evaluate(source, other).values["sync_like"] < good.values["sync_like"] - 0.2


def test_other_sound_has_no_lag_and_is_told(evaluate, source, edit, tmp_path):
    other = tmp_path / "other.mkv"
    noise = "anoisesrc=d=2:r=16000:seed=3"
    streams = ["-map", "0:v", "-map", "1:a", *LOSSLESS[:6]]
    ffmpeg("-i", edit, "-f", "lavfi", "-i", noise, *streams, other)
    found = evaluate(source, other)
    assert math.isnan(found.values["sync_s"])
    assert found.flagged == ("sound",)


def test_what_cannot_be_compared_is_told(evaluate, source, tmp_path, make_media):
    small = tmp_path / "small.mkv"
    ffmpeg("-i", source, "-vf", "scale=128:128", *LOSSLESS, small)
    with pytest.raises(UsageError, match=r"256x256 and 128x128"):
        evaluate(source, small)
    empty = make_media("bars.mkv", "-f lavfi -i smptebars=s=256x256:r=25:d=0.4 -c:v ffv1")
    with pytest.raises(FaceError):
        evaluate(empty, source)
    lost = evaluate(source, empty)
    assert {"coverage", "sound"} <= set(lost.flagged)
    assert lost.notes[0] == "no face was found in the edit"


# ---------------------------------------------------------------- what was asked for


def dub(editor, video, output, fit="video", lips="auto"):
    options = EditOptions(emotion="happy", speech=OTHER_WORDS, fit=fit, lips=lips, crf=0)
    editor.edit(video, None, output, options=options)
    return options


@pytest.fixture(scope="module")
def longer(folder, source, editor):
    """A dub that loops: as long as the speech, its first round's end melting into its start."""
    return folder / "longer.mkv", dub(editor, source, folder / "longer.mkv", "loop")


def test_a_dub_is_not_held_against_itself(evaluate, source, longer):
    output, options = longer
    found = evaluate(source, output, "happy", options)
    assert found.flagged == ()
    for name in ("sound", "sync_s", "sync_like", "mouth", "frames"):
        assert math.isnan(found.values[name]), name
    for name in ("flicker", "pose", "times_s", "outside", "expression"):
        assert math.isfinite(found.values[name]), name


def test_of_two_files_alone_a_dub_is_told_apart(evaluate, source, longer):
    """Nobody said that it was one."""
    assert {"sound", "frames", "mouth", "flicker"} <= set(evaluate(source, longer[0]).flagged)


def test_what_a_dub_does_not_ask_for_is_still_seen(evaluate, source, longer, tmp_path):
    output, options = longer
    spoilt = tmp_path / "spoilt.mkv"
    jitter = "crop=iw-4:ih-4:2+2*mod(n\\,2):2+2*mod(n\\,2),scale=iw+4:ih+4"
    ffmpeg("-i", output, "-vf", jitter, *LOSSLESS, spoilt)
    assert "flicker" in evaluate(source, spoilt, "happy", options).flagged


def test_lips_that_a_dub_keeps_are_compared(evaluate, editor, source, tmp_path):
    options = dub(editor, source, tmp_path / "kept.mkv", lips="video")
    values = evaluate(source, tmp_path / "kept.mkv", "happy", options).values
    assert values["mouth"] > 0.9
    assert values["frames"] == 1
    assert math.isnan(values["sound"])


@pytest.fixture(scope="module")
def two(folder, source):
    """Two people side by side, a second long."""
    path = folder / "two.mkv"
    both = "[0:v]hflip[a];[0:v][a]hstack"
    ffmpeg("-i", source, "-filter_complex", both, "-t", 1, *LOSSLESS, path)
    return path


def test_all_edited_faces_count_as_faces(evaluate, editor, two, tmp_path):
    options = EditOptions(emotion="happy", face="all", crf=0)
    editor.edit(two, None, tmp_path / "all.mkv", options=options)
    assert "outside_most" in evaluate(two, tmp_path / "all.mkv", "happy").flagged  # not told of it
    found = evaluate(two, tmp_path / "all.mkv", "happy", options)
    assert found.flagged == ()
    assert found.values["outside_most"] < 1


@pytest.mark.parametrize(("hidden", "coverage"), [("0", 1.0), ("iw/2", 0.0)])
def test_a_number_that_the_edit_does_not_have(evaluate, two, tmp_path, hidden, coverage):
    """The second of two faces was edited, and one is left: that one, or the other."""
    box = f"drawbox=x={hidden}:y=0:w=iw/2:h=ih:color=gray:t=fill"
    ffmpeg("-i", two, "-vf", box, *LOSSLESS, tmp_path / "one.mkv")
    found = evaluate(two, tmp_path / "one.mkv", options=EditOptions(face=2))
    assert found.values["frames"] == 1
    assert found.values["coverage"] == coverage


def test_a_number_that_the_input_does_not_have(evaluate, two):
    with pytest.raises(UsageError, match="face 3 does not exist"):
        evaluate(two, two, options=EditOptions(face=3))


class Sure(ExpressionJudge):
    """Sees one expression in everything."""

    def logits(self, pictures):
        return np.eye(7)[self.described.labels.index("happy")]


@pytest.mark.parametrize("name", ["Happy", "1.0 HAPPY"])
def test_a_name_is_known_however_it_is_written(editor, source, edit, name):
    networks = Networks(expression=Sure("stand-in", Description(), None, None))
    protocol = Protocol("authors", networks, "a machine")
    found = Evaluator(editor.model, networks, protocol)(source, edit, name)
    assert found.emotion == "happy"
    assert found.values["net_expression"] == pytest.approx(math.e / (math.e + 6))
    assert protocol.report().per_class == {"happy": (1, 1)}


# ---------------------------------------------------------------- by hand


def test_agreement_and_shift_of_moving_codes():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(80, 3)), axis=0).astype(np.float32)
    assert agreement(walk, 2 * walk + 1) == pytest.approx(1)
    assert agreement(walk, -walk) == pytest.approx(-1)
    assert math.isnan(agreement(np.ones((9, 3)), walk[:9]))
    assert shift(walk[5:70], walk[2:67], 6) == (3, pytest.approx(1))
    assert shift(walk[2:67], walk[5:70], 6) == (-3, pytest.approx(1))
    late, likeness = shift(np.ones((9, 3)), walk[:9], 4)
    assert late == 0
    assert math.isnan(likeness)
