"""PQ and HLG to SDR and back: rising, exact, and looking like an SDR picture."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter
from cmet_cli.media.tonemap import TONE_MAPS, sdr_table

HDR = sorted(TONE_MAPS)


@pytest.mark.parametrize("transfer", HDR)
def test_it_rises_and_keeps_the_ends(transfer):
    signal = np.linspace(0, 1, 4096, dtype=np.float32)
    sdr = TONE_MAPS[transfer].to_sdr(signal)
    assert sdr.dtype == np.float32
    assert (np.diff(sdr) > 0).all()
    assert sdr[[0, -1]] == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize("transfer", HDR)
def test_every_ten_bit_code_comes_back(transfer):
    signal = np.arange(1024, dtype=np.float32) / 1023
    back = TONE_MAPS[transfer].from_sdr(TONE_MAPS[transfer].to_sdr(signal))
    assert np.abs(back - signal).max() * 1023 < 0.2


@pytest.mark.parametrize(
    ("transfer", "white", "dark"), [("smpte2084", 0.5807, 0.2), ("arib-std-b67", 0.75, 0.05)]
)
def test_diffuse_white_is_bright_and_dark_is_dark(transfer, white, dark):
    """BT.2408: diffuse white is 203 nits, PQ signal 0.58, HLG signal 0.75."""
    levels = TONE_MAPS[transfer].to_sdr(np.array([white, dark], np.float32)) * 255
    assert 215 < levels[0] < 235
    assert levels[1] < 60


def test_pq_and_hlg_of_one_light_look_alike():
    """50 nits: PQ 0.440, HLG on a 1000-nit display 0.499."""
    pq, hlg = (
        TONE_MAPS[name].to_sdr(np.array([signal], np.float32))[0]
        for name, signal in (("smpte2084", 0.440), ("arib-std-b67", 0.4990))
    )
    assert pq == pytest.approx(hlg, abs=0.01)


@pytest.mark.parametrize("transfer", HDR)
@pytest.mark.parametrize("edges", ["tv", "pc"])
@pytest.mark.parametrize("layout", ["yuv420p10le", "yuv444p10le", "yuv420p"])
def test_an_unedited_face_comes_back_within_one_code(transfer, edges, layout):
    pixels = FORMATS[layout]
    converter = ColourConverter(Colour(edges, "bt2020nc", "bt2020", transfer), pixels, 1080)
    sdr = ColourConverter(Colour(edges, "bt2020nc", "bt2020", "bt709"), pixels, 1080)
    rng = np.random.default_rng(0)
    rgb = rng.uniform(0, 255, (200, 200, 3)).astype(np.float32)
    rgb[0] = np.linspace(0, 255, 200)[:, None]  # greys, black and white among them
    yuv = np.rint(sdr.to_yuv(rgb))  # any code of a colour there is
    inside = ((yuv - sdr.offset) @ sdr.rgb_of_yuv.T >= 0).all(-1)
    inside &= ((yuv - sdr.offset) @ sdr.rgb_of_yuv.T <= 255).all(-1)
    back = converter.to_yuv(converter.to_rgb(yuv))
    assert inside.mean() > 0.9
    assert np.abs(back - yuv)[inside].max() < 1


def test_sdr_is_not_touched_and_has_no_table():
    assert sdr_table("bt709") is None
    assert sdr_table("smpte2084")[[0, 255]].tolist() == [0, 255]
    assert not Colour(transfer="bt2020-10").hdr
