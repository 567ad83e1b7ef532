"""Rows that are measured as they are made, and rows that say what was done."""

from __future__ import annotations

import csv
import hashlib
import json

from cmet_cli.evaluation import takes
from cmet_cli.options import RuntimeOptions


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
    page = (manifest.with_name("m_out") / "report.html").read_text("utf-8")
    assert page.count("<summary>figures</summary>") == 1
    assert ">frames 1.00</span>," in page


def test_a_dub_is_not_worth_a_look_for_being_one(batch, write_manifest, clips):
    rows = [{"video": "v0.mp4", "speech": "e0.wav", "fit": "bounce"}]
    manifest = write_manifest(rows)
    run = batch(manifest, "--evaluate")
    assert run.returncode == 0, run.stderr
    with (manifest.with_name("m_out") / "report.csv").open(newline="") as file:
        (measured,) = csv.DictReader(file)
    assert float(measured["eval_coverage"]) == 1
    flagged = measured["worth_a_look"].split(", ")
    for name in ("frames", "sound", "sync_s", "sync_like", "mouth"):
        assert measured[f"eval_{name}"] == ""
        assert name not in flagged


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


def test_rows_that_were_made_without_figures_are_told(batch, write_manifest):
    manifest = write_manifest([{"video": "v0.mp4", "emotion_audio": "e0.wav"}])
    assert batch(manifest).returncode == 0
    told = batch(manifest, "--evaluate")
    assert "1 of the kept are not measured" in " ".join(told.stderr.split())
    assert "not measured" not in batch(manifest).stderr


def test_takes_are_measured_where_the_edits_run(monkeypatch, tmp_path):
    """On the row's device, with the judges of the folder that was given."""
    seen = {}

    class Loaded:
        class backend:
            class compute:
                torch_device = "there"

    def load_model(weights_dir=None, choice="auto", runtime=None):
        seen["runtime"], seen["choice"] = runtime, choice
        return Loaded

    def load_networks(weights_dir, device, **_):
        seen["folder"], seen["device"] = weights_dir, device
        return None

    monkeypatch.setattr(takes, "load_model", load_model)
    monkeypatch.setattr(takes, "load_networks", load_networks)
    runtime = RuntimeOptions("cpu", "fp32")
    evaluator = takes.TakeEvaluator.load(tmp_path, runtime).evaluator
    assert seen == {"runtime": runtime, "choice": "mini", "folder": tmp_path, "device": "there"}
    assert evaluator.weights_dir == tmp_path
