"""``cmet evaluate`` as a command."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from standin_networks import write_networks

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def clip(tmp_path, make_media):
    made = make_media("second.mp4", f"-i {EXAMPLE} -t 1 -c:v libx264 -qp 0 -c:a copy")
    (tmp_path / "in.mp4").write_bytes(made.read_bytes())
    return tmp_path / "in.mp4"


def test_one_pair_and_a_table(cmet, clip, tmp_path):
    run = cmet("evaluate", "in.mp4", "in.mp4", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["pairs"][0]["flagged"] == []
    assert told["means"]["sharpness"] == 1
    (tmp_path / "pairs.csv").write_text("before,after\nin.mp4,in.mp4\n")
    run = cmet("evaluate", "--pairs", "pairs.csv", "-o", "page.html")
    assert run.returncode == 0, run.stderr
    assert "1 compared, 0 worth a look" in run.stdout
    assert "in.mp4" in (tmp_path / "page.html").read_text()


def test_a_take_worth_a_look_ends_with_one(cmet, clip, make_media, tmp_path):
    dark = make_media("dark.mp4", f"-i {clip} -vf eq=brightness=-0.2 -c:v libx264 -qp 0 -c:a copy")
    run = cmet("evaluate", clip, dark)
    assert run.returncode == 1
    assert "1 worth a look (dark.mp4: " in run.stdout
    assert "exposure" in run.stdout


def test_a_pair_that_cannot_be_compared_stops_no_other(cmet, clip, tmp_path):
    (tmp_path / "no.mp4").write_text("no video")
    (tmp_path / "pairs.csv").write_text("before,after\nin.mp4,no.mp4\nin.mp4,in.mp4\n")
    run = cmet("evaluate", "--pairs", "pairs.csv", "-o", "page.html")
    assert run.returncode == 1
    assert "not compared: line 2: " in run.stderr
    assert "1 compared, 0 worth a look, 1 could not be" in run.stdout
    assert "not compared: line 2: " in (tmp_path / "page.html").read_text()


def test_an_unknown_emotion_is_told_with_its_line_before_anything_is_compared(cmet, clip, tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "before,after,emotion\nin.mp4,in.mp4,\nin.mp4,in.mp4,hapy\n"
    )
    run = cmet("evaluate", "--pairs", "pairs.csv", "--json")
    assert run.returncode == 2
    assert "line 3: no emotion" in run.stderr


def test_a_weights_folder_that_is_not_there_is_no_other_one(cmet, clip):
    run = cmet("evaluate", "in.mp4", "in.mp4", "--weights-dir", "nope")
    assert run.returncode == 1
    assert "weights folder not found: nope" in run.stderr


def test_a_protocol_without_networks_says_how_to_get_them(cmet, clip, tmp_path):
    run = cmet("evaluate", "in.mp4", "in.mp4", "--protocol", "authors", "--weights-dir", tmp_path)
    assert run.returncode == 1
    assert "--only evaluation" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_protocol_sums_up_pairs(cmet, clip, tmp_path):
    write_networks(tmp_path / "nets", ("i3d", "syncnet"))
    rows = "in.mp4,in.mp4,happy,in.mp4\n" * 2
    (tmp_path / "pairs.csv").write_text(f"before,after,emotion,truth\n{rows}")
    (tmp_path / "times.csv").write_text("status,elapsed_s\ndone,9\ndone,2\n")
    words = ("--pairs", "pairs.csv", "--protocol", "authors", "--weights-dir", "nets")
    run = cmet("evaluate", *words, "--timings", "times.csv", "-o", "page.html", "--json")
    told = json.loads(run.stdout)["protocol"]
    assert told["clips"] == 2
    assert told["figures"]["fvd"] == pytest.approx(0, abs=1e-3)
    assert told["figures"]["aitv_s"] == 2
    assert told["figures"]["sync_d"] > 0
    assert told["reference"] == {"truth": 2, "input": 0}
    assert any("inception" in note for note in told["notes"])
    page = (tmp_path / "page.html").read_text()
    assert "protocol: authors" in page
    assert "329.862" in page  # the paper's row
    assert told["machine"] in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give an input and its edit"),
        (("in.mp4",), "give an input and its edit"),
        (("in.mp4", "none.mp4"), "edit not found"),
        (("in.mp4", "in.mp4", "-o", "page.pdf"), "written as .html"),
        (("in.mp4", "in.mp4", "--emotion", "hapy"), "did you mean"),
        (("--pairs", "none.csv"), "none.csv"),
        (("in.mp4", "in.mp4", "--protocol", "mine"), "not one of 'authors', 'pooled'"),
        (("in.mp4", "in.mp4", "--classifier", "none.onnx"), "classifier not found: none.onnx"),
        (("in.mp4", "in.mp4", "--timings", "in.mp4"), "goes with --protocol"),
        (("in.mp4", "in.mp4", "--timings", "in.mp4", "--protocol", "pooled"), "not the report.csv"),
        (("--pairs", "/dev/zero"), "table of pairs is not a file"),
    ],
)
def test_requests_that_make_no_sense(cmet, clip, words, said):
    run = cmet("evaluate", *words)
    assert run.returncode == 2, run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
def test_the_page_fits_a_phone(cmet, clip, tmp_path):
    assert cmet("evaluate", clip, clip, "-o", "page.html").returncode == 0
    page = tmp_path / "page.html"
    script = "<script>document.title='W'+document.documentElement.scrollWidth</script></html>"
    page.write_text(page.read_text().replace("</html>", script))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=400,800"]
    run = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    width = int(run.stdout.split("<title>W")[1].split("<")[0])
    assert width <= 500  # headless Chromium is no narrower
