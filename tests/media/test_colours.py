"""RGB, grey, unusual chroma and HDR sources: what is shown outside the face stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_checks import assert_untouched_outside, edit, near_face, read, shown

from cmet_cli import EmotionEditor
from cmet_cli.errors import MediaError
from cmet_cli.faces.crop import planes_to_rgb
from cmet_cli.media.facts import facts_from_log
from cmet_cli.media.pixels import ColourConverter
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import RuntimeOptions

PICTURE = "-f lavfi -i testsrc2=s=96x64:r=25:d=0.2"
BT2020 = "range=tv:colorspace=bt2020nc:color_primaries=bt2020"
GRADED = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):"
    "max-cll=1000,400"
)


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


def off(before: Path, after: Path, pixels: str, dtype: str = "u1") -> int:
    """The largest difference outside the face, in the numbers of ``pixels``."""
    old, new = shown(before, pixels, dtype), shown(after, pixels, dtype)
    away = ~near_face(old.shape[2], old.shape[1])
    assert old.shape == new.shape
    return int(np.abs(old.astype(int) - new)[:, away].max())


@pytest.mark.parametrize(
    ("name", "tail", "suffix"),
    [
        ("rgb.mp4", "-c:v libx264rgb -qp 0", ".mp4"),
        ("rle.mov", "-c:v qtrle", ".mov"),
        ("raw.mov", "-c:v rawvideo -pix_fmt rgb24", ".mkv"),
        ("rgba.mov", "-c:v png -pix_fmt rgba", ".mkv"),
        ("pal.gif", "", ".mkv"),
        ("still_rgb.png", "-frames:v 1", ".mp4"),
    ],
)
def test_rgb_stays_rgb(editor, make_media, voice, tmp_path, name, tail, suffix):
    video = make_media(name, f"{PICTURE} {tail}")
    result = edit(editor, video, voice, tmp_path, suffix)
    assert off(video, result.output, "rgb24") == 0
    info, before, _ = read(video)
    out, after, _ = read(result.output)
    assert out.colour == info.colour
    assert_untouched_outside(before, after, info)
    assert bool(result.warnings) == (name in ("rgba.mov", "pal.gif"))


def test_rgb_of_more_than_eight_bits_keeps_ten(editor, make_media, voice, tmp_path):
    video = make_media("deep.mkv", f"{PICTURE} -c:v ffv1 -pix_fmt gbrp12le")
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert any("12 bits" in w for w in result.warnings)
    # Half a step of luma and of chroma rounded, as the matrix weighs them, makes 1.4; full chroma
    # is cut half a step short: 2.4.
    info, planes, _ = read(result.output)
    wanted = shown(video, "rgb48le", "<u2").astype(np.float32) * (255 / 65535)
    to_rgb = ColourConverter(info.colour, info.pixel_format, info.height).to_rgb
    away = ~near_face(info.width, info.height)
    for old, new in zip(wanted, planes, strict=True):
        difference = np.abs(old - to_rgb(np.stack(new, -1)))[away]
        assert difference.max() * 1023 / 255 <= 2.4


@pytest.mark.parametrize(
    ("paste", "layout", "size"),
    [
        ("none", "gbrp", "64x64"),
        ("crop", "gbrp", "64x64"),
        ("none", "gbrp", "1280x720"),
        ("none", "yuv420p", "1280x720"),
    ],
)
def test_the_crop_of_an_rgb_video_has_its_colours(
    editor, make_media, voice, tmp_path, paste, layout, size
):
    """A quiet change of matrix or range would show in the face's mean colour."""
    matrix = "" if layout == "gbrp" else "-vf scale=out_color_matrix=bt709"
    video = make_media(
        f"flat_{layout}_{size}.mkv",
        f"-f lavfi -i color=c=0xC08060:s={size}:r=25:d=0.2,format=gbrp {matrix} -c:v ffv1 "
        f"-pix_fmt {layout}",
    )
    result = edit(editor, video, voice, tmp_path, ".mkv", paste=paste, intensity=0, compare=True)
    pictures = shown(result.output, "rgb24")
    left = pictures[:, :, : pictures.shape[2] // 2].mean((0, 1, 2))
    assert left == pytest.approx([0xC0, 0x80, 0x60], abs=3)


@pytest.mark.parametrize(
    ("name", "filters", "codec"),
    [
        ("grey_full.mkv", "format=gray", "ffv1"),
        ("grey_said.mkv", "format=gray,setparams=range=pc", "ffv1"),
        ("grey.png", "format=gray", "png -frames:v 1"),
        ("grey_h264.mp4", "format=gray,setparams=range=pc", "libx264 -qp 0"),
        ("full_411.mkv", "scale=out_range=pc,format=yuv411p", "ffv1 -color_range pc"),
        ("full_nv12.mkv", "scale=out_range=pc,format=nv12,setparams=range=pc", "rawvideo"),
    ],
)
def test_grey_and_full_range_keep_their_levels(
    editor, make_media, voice, tmp_path, name, filters, codec
):
    video = make_media(name, f"{PICTURE} -vf {filters} -c:v {codec}")
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert off(video, result.output, "gray") == 0
    assert probe_video(result.output).colour.range == "pc"


def test_deep_grey_keeps_ten_bits(editor, make_media, voice, tmp_path):
    video = make_media("grey10.mkv", f"{PICTURE} -vf format=gray10le -c:v ffv1")
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert probe_video(result.output).pixel_format.bits == 10
    assert off(video, result.output, "gray10le", "<u2") == 0


def test_yuv410p_has_eight_bits(editor, make_media, voice, tmp_path):
    video = make_media("thin.mkv", f"{PICTURE} -c:v ffv1 -pix_fmt yuv410p")
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert probe_video(result.output).source_format == "yuv420p"
    assert off(video, result.output, "gray") == 0


# ---------------------------------------------------------------- HDR


def hdr(make_media, transfer: str) -> Path:
    return make_media(
        f"{transfer}.mp4",
        f"{PICTURE} -vf format=yuv420p10le,setparams={BT2020}:color_trc={transfer} "
        f"-c:v libx265 -x265-params log-level=error:lossless=1:{GRADED}",
    )


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_hdr_is_kept(editor, make_media, voice, tmp_path, monkeypatch, transfer, suffix):
    video = hdr(make_media, transfer)
    result = edit(editor, video, voice, tmp_path, suffix)
    info, before, _ = read(video)
    out, after, _ = read(result.output)
    assert info.colour.transfer == transfer
    assert out.colour == info.colour
    assert out.pixel_format.name == "yuv420p10le"
    assert f"master-display={info.hdr.mastering}:" in GRADED
    assert info.hdr.light == "1000,400"
    assert_untouched_outside(before, after, info)
    assert not result.warnings
    monkeypatch.delenv("CMET_FFMPEG", raising=False)  # ffmpeg 5 does not look for it in H.264
    assert facts_from_log(result.output).hdr == info.hdr


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.5807), ("arib-std-b67", 0.75)])
def test_networks_and_people_see_an_sdr_picture(make_media, transfer, white):
    """Diffuse white is no middle grey: neither in a crop nor in what a face is looked for in."""
    level = round(64 + white * 876)
    video = make_media(
        f"white_{transfer}.mkv",
        f"-f lavfi -i nullsrc=s=64x64:r=25:d=0.1,format=yuv420p10le,geq=lum={level}:cb=512:cr=512,"
        f"setparams={BT2020}:color_trc={transfer} -c:v ffv1",
    )
    info, frames, _ = read(video)
    assert 215 < planes_to_rgb(frames[0], info).mean() < 235
    with FrameReader(info, rgb_size=(32, 32)) as reader:
        assert 215 < next(iter(reader)).planes[0].mean() < 235


def with_dolby_vision(video: Path, folder: Path, profile: int, compatible: int) -> Path:
    """A copy whose video track says it is Dolby Vision: a ``dvvC`` box in its sample entry."""
    record = bytes([1, 0, profile << 1, (1 << 3) | 0b101, compatible << 4]) + bytes(19)
    box = (8 + len(record)).to_bytes(4, "big") + b"dvvC" + record
    data = bytearray(video.read_bytes())
    entry = data.index(b"hev1", data.index(b"stsd")) - 4
    size = int.from_bytes(data[entry : entry + 4], "big")
    data[entry + size : entry + size] = box
    for name in (b"hev1", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        at = data.rindex(name, 0, entry + 8) - 4
        grown = int.from_bytes(data[at : at + 4], "big") + len(box)
        data[at : at + 4] = grown.to_bytes(4, "big")
    copy = folder / f"dolby{profile}.mp4"
    copy.write_bytes(data)
    return copy


def test_dolby_vision_without_a_base_picture_is_refused(editor, make_media, voice, tmp_path):
    video = with_dolby_vision(hdr(make_media, "smpte2084"), tmp_path, 5, 0)
    with pytest.raises(MediaError, match="Dolby Vision profile 5"):
        edit(editor, video, voice, tmp_path)
    assert not list(tmp_path.glob("out*"))


def test_dolby_vision_over_a_base_picture_is_told(editor, make_media, voice, tmp_path):
    video = with_dolby_vision(hdr(make_media, "arib-std-b67"), tmp_path, 8, 4)
    result = edit(editor, video, voice, tmp_path)
    assert [w for w in result.warnings if "Dolby Vision" in w]
    assert probe_video(result.output).colour.transfer == "arib-std-b67"
