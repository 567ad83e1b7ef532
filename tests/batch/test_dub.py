"""Rows that bring new speech or another face."""

from __future__ import annotations

import subprocess

import pytest

from cmet_cli.media.program import bundled_ffmpeg

from .conftest import outputs_of


@pytest.fixture
def face(clips):
    """A picture beside the clips: their first frame."""
    path = clips / "face.png"
    command = [bundled_ffmpeg(), "-loglevel", "error", "-y", "-i", str(clips / "v0.mp4")]
    subprocess.run([*command, "-frames:v", "1", str(path)], check=True)
    return path


def test_dubs_and_pictures_are_rows_like_others(batch, write_manifest, face):
    rows = [
        {"video": "v0.mp4", "speech": "e0.wav", "fit": "cut"},
        {"identity_image": "face.png", "speech": "e1.wav", "neutral_audio": "e0.wav"},
        {"video": "v1.mp4", "identity_image": "face.png", "emotion_audio": "e0.wav"},
    ]
    manifest = write_manifest(rows)
    run = batch(manifest)
    assert run.returncode == 0, run.stderr
    assert set(outputs_of(manifest)) == {
        "v0_e0_fitcut.mp4",
        "face_e1.mp4",
        "v1_e0.mp4",
    }
    face.write_bytes(face.read_bytes() + b"\0")
    planned = batch(manifest, "--dry-run")
    words = planned.stdout + planned.stderr
    assert "face_e1.mp4  (changed: identity_image, video)" in words
    assert "v1_e0.mp4  (changed: identity_image)" in words
    assert "v0_e0_fitcut.mp4  (done)" in words


def test_another_stretch_of_the_same_speech_is_another_result(batch, write_manifest, clips):
    manifest = write_manifest([{"video": "v0.mp4", "speech": "e0.wav@0-0.2", "output": "a.mp4"}])
    assert batch(manifest).returncode == 0
    manifest = write_manifest([{"video": "v0.mp4", "speech": "e0.wav@0-0.3", "output": "a.mp4"}])
    assert "changed: speech" in batch(manifest, "--dry-run").stdout


def test_a_row_without_a_video_needs_a_picture_and_speech(batch, write_manifest, clips):
    rows = [{"video": "", "speech": "e0.wav"}, {"video": "v0.mp4"}]
    rows += [{"video": "v0.mp4", "emotion_audio": "e0.wav", "fit": "loop"}]
    manifest = write_manifest(rows)
    run = batch(manifest)
    words = " ".join((run.stdout + run.stderr).split())
    assert run.returncode != 0
    assert "missing (or a picture that talks: identity_image and speech)" in words
    assert "missing (or ask in another way: emotion)" in words
    assert "is for new speech, and there is none" in words
