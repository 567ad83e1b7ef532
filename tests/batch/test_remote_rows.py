"""Rows whose files are behind URLs: what they are made of, and that none is written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmet_cli.batch.checks import CheckSettings, check_manifest
from cmet_cli.batch.manifest import read_manifest
from cmet_cli.batch.storage import Fetched, _local_name, _mark

from .conftest import told

HEADER = "video,emotion,speech,timeline,identity_image,save_codes,output\n"


def check(folder, text, root, **settings):
    (folder / "m.csv").write_text(text)
    manifest = read_manifest(folder / "m.csv")
    return check_manifest(manifest, CheckSettings(root, **settings), {}.get)


@pytest.fixture
def stored(tmp_path):
    """A store in this process's memory, and a file in it."""
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for name in ("v.mp4", "words.wav", "plan.csv", "face.png"):
        store.pipe(f"/clips/{name}", b"content")
    yield tmp_path
    store.rm("/clips", recursive=True)


def test_files_that_options_name_keep_their_urls(stored):
    at = "memory://clips/"
    row = f"{at}v.mp4,,{at}words.wav,{at}plan.csv,{at}face.png,codes.npz,o.mp4\n"
    checked = check(stored, HEADER + row, "memory://out")
    assert checked.problems == []
    (found,) = checked.rows
    for name, file in (("speech", "words.wav"), ("timeline", "plan.csv")):
        assert found.inputs()[name] == (f"{at}{file}",)
    assert found.outputs() == {
        "output": "memory://out/o.mp4",
        "save_codes": "memory://out/codes.npz",
    }
    assert found.asked == f"{at}plan.csv;{at}words.wav;{at}face.png"
    assert not found.talks


def test_a_picture_behind_a_url_talks(stored):
    at = "memory://clips/"
    checked = check(stored, HEADER + f",,{at}words.wav,,{at}face.png,,o.mp4\n", "memory://out")
    assert checked.problems == []
    assert checked.rows[0].talks
    assert checked.rows[0].video == f"{at}face.png"


@pytest.mark.parametrize(
    ("video", "root", "output"),
    [
        ("file://{}/v.mp4", "file://{}", "v.mp4"),
        ("{}/v.mp4", "file://{}", "v.mp4"),
        ("file://{}/v.mp4", "{}", "v.mp4"),
        ("file://{}/v.mp4", "file://{}", "linked.mp4"),
        ("file://{}/v.mp4", "file://{}/x/..", "v.mp4"),
        ("memory://clips/v.mp4", "memory://clips", "v.mp4"),
        ("memory://clips/v.mp4", "MEMORY://clips/", "v.mp4"),
    ],
)
def test_an_input_behind_a_url_is_never_written_over(stored, video, root, output):
    (stored / "v.mp4").write_bytes(b"content")
    (stored / "linked.mp4").hardlink_to(stored / "v.mp4")
    text = f"video,emotion,output\n{video.format(stored)},happy,{output}\n"
    checked = check(stored, text, root.format(stored), overwrite=True, allow_outside=True)
    assert [p.message for p in checked.problems if "also an input" in p.message]
    fine = text.replace(f",{output}", ",other.mp4")
    assert check(stored, fine, root.format(stored), overwrite=True).problems == []


def test_a_dub_with_its_words_and_codes_behind_urls(batch, write_manifest, clips):
    pytest.importorskip("fsspec")
    row = {"video": f"file://{clips}/v0.mp4", "speech": f"file://{clips}/e0.wav"}
    manifest = write_manifest([row | {"output": "a.mp4", "save_codes": "codes.npz"}])
    run = batch(manifest, "--output-dir", f"file://{clips}/store", "--json")
    assert (run.returncode, told(run)["done"]) == (0, 1), run.stderr
    assert {p.name for p in (clips / "store").iterdir()} == {"a.mp4", "codes.npz"}
    assert not Path("file:").exists()


def test_what_a_web_server_says_of_a_file_tells_its_versions_apart():
    page, now = "https://example.org/v.mp4", {"size": 5, "ETag": '"a"', "type": "file"}
    assert _mark(page, "key", now) == _mark(page, "key", dict(now))
    for changed in ({"size": 6}, {"ETag": '"b"'}, {"Last-Modified": "Sat, 28 Nov 2026"}):
        assert _mark(page, "key", now | changed) != _mark(page, "key", now)
    assert _mark("s3://bucket/v.mp4", "key", now) == "key"


def test_copies_have_names_that_a_disk_can_hold_and_go_with_their_keeper(tmp_path, stored):
    signed = "https://example.org/a/talk.mp4?X-Signature=" + "f" * 500 + "/../x"
    name = _local_name(signed)
    assert name.endswith("-talk.mp4")
    assert len(_local_name("s3://b/" + "\u4e2d" * 300 + "." + "x" * 99).encode()) <= 255
    work = tmp_path / "work"
    work.mkdir()
    copies = Fetched(str(work))
    copy = copies.get("memory://clips/v.mp4", "1", ())
    assert copy.read_bytes() == b"content"
    assert work in copy.parents
    copies.close()
    assert list(work.iterdir()) == []
