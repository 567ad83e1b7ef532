"""Rows that are measured as they are made, and rows that say what was done."""

from __future__ import annotations

import csv
import hashlib
import json


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


def test_a_sidecar_is_an_output_like_others(batch, write_manifest, clips):
    manifest = write_manifest([{"video": "v0.mp4", "emotion_audio": "e0.wav", "sidecar": "true"}])
    assert batch(manifest).returncode == 0
    folder = manifest.with_name("m_out")
    said = json.loads((folder / "v0_e0.mp4.cmet.json").read_text())
    digest = hashlib.sha256((folder / "v0_e0.mp4").read_bytes()).hexdigest()
    assert said["result"]["sha256"] == digest
    assert said["prompt"] == "speech e0.wav"
    assert "1 done" in batch(manifest, "--dry-run").stderr
    (folder / "v0_e0.mp4.cmet.json").unlink()
    assert "sidecar is missing" in batch(manifest, "--dry-run").stdout
