"""``cmet sweep``, ``cmet timeline`` and ``cmet inspect`` as commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def test_a_sweep(cmet, tmp_path):
    run = cmet("sweep", "--video", EXAMPLE, "-s", "happy,sad", "--intensities", "1", "-o", "s.png")
    assert run.returncode == 0, run.stderr
    assert "2 by 1 tiles" in run.stdout
    assert (tmp_path / "s.png").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sweep", "--video", EXAMPLE, "--intensities", "1,x"), "numbers with commas"),
        (("sweep", "--video", EXAMPLE, "--intensities", "9"), "between -2 and 2"),
        (("sweep", "--video", EXAMPLE, "-o", "s.mp4"), "--video-out"),
        (("sweep", "--video", EXAMPLE, "-s", "hapy", "-o", "s.png"), "did you mean 'happy'"),
        (("timeline", EXAMPLE, "-o", "t.txt"), "written as .csv"),
        (("timeline", "nowhere.mp4", "-o", "t.csv"), "not found"),
        (("inspect", EXAMPLE, "-o", "page.pdf"), "written as .html"),
        (("edit", "--video", EXAMPLE, "--timeline", "no.csv", "-o", "o.mp4"), "no.csv"),
        (("edit", "--video", EXAMPLE, "--emotion-image", "no.png", "-o", "o.mp4"), "no.png"),
    ],
)
def test_requests_that_make_no_sense(cmet, tmp_path, words, said):
    run = cmet(*words)
    assert run.returncode == 2, run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not [p for p in tmp_path.iterdir() if p.name not in ("hf-home", "emotions")]


def test_a_plan_to_start_from_is_a_plan(cmet, tmp_path):
    made = cmet("timeline", EXAMPLE, "-o", "plan.csv")
    assert made.returncode == 0, made.stderr
    plan = tmp_path / "plan.csv"
    plan.write_text(plan.read_text().replace("neutral,", "happy,"))
    run = cmet("edit", "--video", EXAMPLE, "--timeline", "plan.csv", "-o", "out.mp4", "-q")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out.mp4").is_file()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
def test_the_page_fits_a_phone(cmet, tmp_path):
    run = cmet("inspect", EXAMPLE, "--emotion", "happy", "-o", "page.html", "--frames", "2")
    assert run.returncode == 0, run.stderr
    page = tmp_path / "page.html"
    # The page says itself how wide it came out.
    script = "<script>document.title='W'+document.documentElement.scrollWidth</script></html>"
    page.write_text(page.read_text().replace("</html>", script))
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    seen = subprocess.run(
        [str(CHROMIUM), *flags.split(), f"--user-data-dir={tmp_path / 'chromium'}"]
        + ["--window-size=500,900", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "<title>W500</title>" in seen.stdout or "<title>W485</title>" in seen.stdout
    assert seen.stdout.count("<polyline") == 21


def test_a_plan_that_nobody_filled_in_says_so(cmet, tmp_path):
    assert cmet("timeline", EXAMPLE, "-o", "plan.csv").returncode == 0
    run = cmet("edit", "--video", EXAMPLE, "--timeline", "plan.csv", "-o", "same.mp4")
    assert run.returncode == 0, run.stderr
    assert "every line is neutral" in run.stderr
    plan = tmp_path / "plan.csv"
    plan.write_text(plan.read_text().replace("neutral", "happy"))
    run = cmet("edit", "--video", EXAMPLE, "--timeline", "plan.csv", "-o", "other.mp4")
    assert run.returncode == 0, run.stderr
    assert "every line" not in run.stderr
