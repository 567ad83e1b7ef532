"""``cmet edit --speech`` and ``--identity-image`` as a command."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE, VOICE = EXAMPLES / "neutral.mp4", EXAMPLES / "voices" / "happy.wav"


def test_a_dub_is_named_after_its_speech(cmet, tmp_path):
    (tmp_path / "in.mp4").write_bytes(EXAMPLE.read_bytes())
    run = cmet("edit", "-v", "in.mp4", "--speech", VOICE, "--fit", "cut", "-q")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "in_happy_fitcut.mp4").is_file()
    assert "lips from audio" in run.stderr


def test_a_picture_talks_without_a_video(cmet, tmp_path):
    face = tmp_path / "face.mp4"  # of a video the first frame
    face.write_bytes(EXAMPLE.read_bytes())
    run = cmet("edit", "--identity-image", "face.mp4", "--speech", f"{VOICE}@0-1", "-q")
    assert run.returncode == 0, run.stderr
    assert "25 frames" in run.stdout
    assert (tmp_path / "face_happy.mp4").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--emotion", "happy"), "no video to edit"),
        (("--speech", VOICE), "no video to edit"),
        (("--identity-image", "none.png", "--speech", VOICE), "none.png"),
        (("-v", EXAMPLE, "--emotion", "happy", "--fit", "loop"), "no --speech is given"),
        (("-v", EXAMPLE, "--speech", "none.wav"), "speech not found"),
        (("-v", EXAMPLE, "--speech", VOICE, "--fit", "stretch"), "stretch"),
        (("-v", EXAMPLE, "--speech", f"{VOICE}@3-2"), "ends before it begins"),
        (("-v", EXAMPLE, "--identity-image", EXAMPLE, "--preview", "2"), "video's own face"),
    ],
)
def test_requests_that_make_no_sense(cmet, tmp_path, words, said):
    run = cmet("edit", *words, "-o", "out.mp4" if "--preview" not in words else "out.png")
    assert run.returncode == 2, run.stderr
    assert said in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.glob("out*"))
