"""Rows that are measured as they are made."""

from __future__ import annotations

import csv


def test_figures_stand_in_the_report(batch, write_manifest, clips):
    rows = [
        {"video": "v0.mp4", "emotion_audio": "e0.wav"},
        {"video": "v0.mp4", "emotion_audio": "e0.wav", "compare": "true", "output": "two.mp4"},
    ]
    manifest = write_manifest(rows)
    run = batch(manifest, "--evaluate")
    assert run.returncode == 0, run.stderr
    with (manifest.with_name("m_out") / "report.csv").open(newline="") as file:
        measured, unmeasured = csv.DictReader(file)
    assert float(measured["eval_frames"]) == 1
    assert float(measured["eval_sound"]) == 1
    # Random networks on bars: whatever else is worth a look, it is said.
    assert ("worth a look" in measured["note"]) == bool(measured["worth_a_look"])
    assert unmeasured["eval_frames"] == ""
