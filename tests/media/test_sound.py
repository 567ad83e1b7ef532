"""Decoded sound and mel windows: in pieces, the same as whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from cmet_cli.errors import MediaError
from cmet_cli.media.audio import audio_chunks, decode_audio
from cmet_cli.media.mel import mel_windows, spectrogram
from cmet_cli.media.mel_windows import SAMPLES_PER_FRAME, mel_window_pieces
from cmet_cli.media.probe import probe_video
from cmet_cli.media.writer import plan_streams


def noise(samples: int) -> np.ndarray:
    rng = np.random.default_rng(samples)
    loud = np.abs(np.sin(np.arange(samples) / 3000)) ** 3  # with near-silent stretches
    return (rng.normal(size=samples) * 0.2 * loud).astype(np.float32)


def cut(wave: np.ndarray, size: int) -> list[np.ndarray]:
    return [wave[i : i + size] for i in range(0, len(wave), size)]


@pytest.mark.parametrize(
    "samples", [0, 639, 640, 641, 1280, 6400, 6400 + 639, 64 * 640, 65 * 640 + 7, 100_003]
)
@pytest.mark.parametrize(("chunk", "piece"), [(160_000, 64), (1000, 5), (17, 64), (640, 1)])
def test_windows_in_pieces_are_the_windows_of_the_whole(samples, chunk, piece):
    wave = noise(samples)
    pieces = list(mel_window_pieces(cut(wave, chunk), spectrogram, piece))
    assert all(1 <= len(p) <= piece for p in pieces)
    n = samples // SAMPLES_PER_FRAME
    assert sum(map(len, pieces)) == n
    if n:
        together = np.concatenate(pieces)
        assert together.shape == (n, 80, 16)
        whole = mel_windows(torch.from_numpy(wave)).numpy()
        np.testing.assert_allclose(together, whole, rtol=0, atol=1e-6)


def test_an_hours_windows_need_no_more_memory_than_a_minutes():
    peaks = []
    for seconds in (60, 600):
        tracemalloc.start()
        chunks = (np.full(16_000, 0.1, np.float32) for _ in range(seconds))
        count = sum(len(p) for p in mel_window_pieces(chunks, spectrogram))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == seconds * 25
    assert peaks[1] < peaks[0] * 1.1


@pytest.mark.parametrize("chunk_s", [0.01, 0.3, 10.0])
def test_chunks_are_the_whole_sound(make_media, chunk_s):
    late = make_media(
        "late_sound.mkv",
        "-f lavfi -i testsrc2=s=32x32:d=1 -itsoffset 0.3 -f lavfi -i sine=f=220:d=1:r=44100 "
        "-c:v libx264 -ac 2 -c:a aac",
    )
    whole = decode_audio(late)
    chunks = list(audio_chunks(late, chunk_s=chunk_s))
    assert {len(c) for c in chunks[:-1]} <= {round(chunk_s * 16_000)}
    assert all(c.dtype == np.float32 and len(c) for c in chunks)
    assert np.array_equal(np.concatenate(chunks), whole)
    assert not whole[:4000].any()
    assert whole[6000:].any()


def test_sound_that_is_not_there_is_told_with_the_first_chunk(make_media):
    mute = make_media("mute.mp4", "-f lavfi -i testsrc2=s=32x32:d=0.2 -c:v libx264")
    with pytest.raises(MediaError, match="has no audio stream"):
        next(audio_chunks(mute))


def test_leaving_off_early_ends_ffmpeg(make_media):
    long = make_media("long.wav", "-f lavfi -i sine=d=60:r=16000")
    chunks = audio_chunks(long, chunk_s=0.1)
    assert len(next(chunks)) == 1600
    chunks.close()  # no process or pipe is left: pytest would tell of the unclosed file


@pytest.mark.parametrize(
    ("sound", "kinds", "words"),
    [("wmav2", "as", ("re-encoded",)), ("aac", "as", ())],
)
def test_subtitles_stay_whatever_becomes_of_the_sound(make_media, tmp_path, sound, kinds, words):
    lines = tmp_path / "lines.srt"
    lines.write_text("1\n00:00:00,000 --> 00:00:00,500\nWell\n")
    clip = make_media(
        f"subtitled_{sound}.mkv",
        f"-f lavfi -i testsrc2=s=64x48:r=25:d=0.6 -f lavfi -i sine=f=300:d=0.6:r=16000 -i {lines} "
        f"-map 0 -map 1 -map 2 -pix_fmt yuv420p -c:v libx264 -c:a {sound} -c:s srt",
    )
    plan = plan_streams(probe_video(clip), "mp4")
    assert plan.kinds == kinds
    assert ("c:s", "mov_text") in plan.options
    assert all(word in plan.warning for word in words)
    assert "subtitles" not in plan.warning
    assert bool(plan.warning) == bool(words)
