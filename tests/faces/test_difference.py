"""What changed between two renderings, and doing it to a frame's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces.difference import (
    Differ,
    Difference,
    Gap,
    Renderings,
    changed,
    likeness,
    stretch,
    trust,
)
from cmet_cli.faces.geometry import Square
from cmet_cli.faces.palette import Palette
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

SIZE = 64
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)


def texture(seed: int = 0, size: int = SIZE, sigma: float = 2.0) -> np.ndarray:
    """A soft random picture, RGB float32 ``[S, S, 3]`` around 128."""
    noise = np.random.default_rng(seed).standard_normal((size, size, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.clip(128 + 40 * soft / soft.std(), 0, 255)


def shifted(picture: np.ndarray, right: float, down: float = 0.0) -> np.ndarray:
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = picture.shape[1::-1]
    return cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def target(layout: str, size: int = 256) -> Target:
    kind = FORMATS[layout]
    square = Square(size / 2, size / 2, size * 0.75)
    return Target(square, kind, ColourConverter(Colour(), kind, size))


def planes_of(layout: str, size: int = 256) -> tuple[np.ndarray, ...]:
    rng, kind = np.random.default_rng(3), FORMATS[layout]
    peak = 2**kind.bits
    return tuple(rng.integers(0, peak, s).astype(kind.dtype) for s in kind.plane_shapes(size, size))


def test_the_same_rendering_twice_is_no_change():
    same = texture()
    change = Differ()(Renderings(same, same, same), EVERYWHERE, Palette())
    assert not change.flow.any()
    assert not change.residual.any()


def test_a_shift_is_found_as_motion_not_as_residual():
    picture = texture()
    moved = shifted(picture, 2.0, -1.0)
    change = Differ()(Renderings(picture, picture, moved), EVERYWHERE, Palette())
    middle = change.flow[16:-16, 16:-16].reshape(-1, 2)
    assert np.median(middle, 0) == pytest.approx([-2.0, 1.0], abs=0.2)
    left = np.abs((moved - picture)[16:-16, 16:-16]).mean()
    assert np.abs(change.residual[16:-16, 16:-16]).mean() < 0.15 * left


def test_a_renderers_own_motion_is_used_where_it_explains_the_change_and_not_where_it_lies():
    picture = texture()
    moved = shifted(picture, 2.0)
    for own, expected in ((-2.1, -2.1), (3.0, -2.0)):
        said = np.zeros((SIZE, SIZE, 2), np.float32)
        said[..., 0] = own
        seen = Renderings(picture, picture, moved, said)
        found = np.median(Differ()(seen, EVERYWHERE, Palette()).flow[16:-16, 16:-16, 0])
        assert found == pytest.approx(expected, abs=0.05 if own < 0 else 0.2)


def test_where_nothing_can_be_decided_nothing_is_looked_for(monkeypatch):
    """Renderings that are nearly alike: a renderer's own motion will do, and costs nothing."""
    differ, picture = Differ(), texture()
    monkeypatch.setattr(differ, "_seen_flow", None)
    said = np.full((SIZE, SIZE, 2), 0.3, np.float32)
    assert np.array_equal(differ.flow(Renderings(picture, picture, picture + 0.9, said)), said)
    assert not differ.follows_renderer
    with pytest.raises(TypeError):
        differ.flow(Renderings(picture, picture, picture + 1.1, said))


def test_blue_from_the_drawn_world_stays_out_and_shade_comes_in():
    skin = np.broadcast_to(np.array([180, 130, 105], np.float32), (SIZE, SIZE, 3)).copy()
    skin += (texture(1) - 128) * 0.1
    palette = Palette()
    palette.learn(skin, EVERYWHERE)
    blue = np.zeros_like(skin)
    blue[..., 2] = 90
    added = skin + palette.limited(skin, blue)
    assert (added[..., 0] > added[..., 2] + 20).all()
    shade = palette.limited(skin, np.full_like(skin, -12.0))
    assert shade.mean() == pytest.approx(-12.0, abs=3.0)


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p10le", "gbrp"])
def test_outside_what_changed_every_number_stays(layout):
    """Noise planes: any resampling at all would show."""
    change = Difference(
        np.zeros((SIZE, SIZE, 2), np.float32),
        np.zeros((SIZE, SIZE, 3), np.float32),
        np.zeros((SIZE, SIZE), np.float32),
    )
    before = planes_of(layout)
    crop = texture()
    assert all(
        a is b for a, b in zip(repaint(before, crop, change, target(layout)), before, strict=True)
    )
    change.flow[24:40, 24:40] = 1.5
    change.residual[24:40, 24:40] = 10
    change.tear[24:40, 24:40] = 1
    after = repaint(before, crop, change, target(layout))
    for old, new in zip(before, after, strict=True):
        assert old.dtype == new.dtype
        height, width = old.shape
        differs = np.argwhere(old != new) / (height, width)
        # The crop's pixels 24 to 40 and two more, in a square of 0.75 about the middle.
        reach = 0.75 * (10.5 / SIZE) + 1.5 / min(height, width)
        assert len(differs) > 0.01 * old.size
        assert np.abs(differs - 0.5).max() <= reach


def test_a_known_shift_moves_the_frames_own_detail():
    """Detail far finer than the 64-pixel crop could show arrives as it was."""
    size, step = 512, 8.0
    fine = texture(5, size, 1.0)
    before = tuple(np.rint(fine[..., c]).astype(np.uint8) for c in (1, 2, 0))
    kind = FORMATS["gbrp"]
    whole = Target(Square(256, 256, 512), kind, ColourConverter(Colour(), kind, size))
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = -step * SIZE / size
    nothing = np.zeros((SIZE, SIZE, 3), np.float32)
    after = repaint(before, texture(), Difference(flow, nothing, nothing[..., 0]), whole)
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(new[50:-50, 50:-50], old[50:-50, 42:-58])


def test_a_rendering_of_something_else_is_not_trusted():
    face = texture(1)
    dull = cv2.GaussianBlur(face, (0, 0), 3) * 0.7 + 30  # blurred, flatter, another exposure
    lost = texture(2)
    assert trust(likeness(Renderings(face, dull, dull), EVERYWHERE)) == 1.0
    assert trust(likeness(Renderings(face, lost, lost), EVERYWHERE)) == 0.0
    plain = np.full_like(face, 90.0)
    assert trust(likeness(Renderings(plain, plain + 1, plain), EVERYWHERE)) == 1.0


def towards(row: int, share: float) -> np.ndarray:
    """Motion that draws everything out from a row (share < 1) or presses it together (> 1)."""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 1] = ((np.arange(SIZE) - row) * (share - 1))[:, None]
    return flow


def test_only_what_is_drawn_out_is_new():
    assert stretch(towards(32, 0.4)) == pytest.approx(0.6, abs=1e-4)
    assert not stretch(towards(32, 1.5)).any()
    assert not stretch(np.full((SIZE, SIZE, 2), 3.0, np.float32)).any()


@pytest.mark.parametrize(
    ("enlarged", "drawn_out", "torn"), [(2, True, True), (2, False, False), (1, True, False)]
)
def test_a_dark_place_is_a_tear_where_skin_was_drawn_out_and_a_shade_elsewhere(
    enlarged, drawn_out, torn
):
    """An opening mouth, and a furrow; of a small renderer both are shades, as it only smudges."""
    size = enlarged * SIZE
    face = np.full((size, size, 3), 150, np.float32)
    dark = face.copy()
    dark[size * 28 // 64 : size * 37 // 64, size * 20 // 64 : size * 44 // 64] = 40
    own = cv2.resize(towards(32, 0.4), (size, size)) * enlarged * drawn_out
    differ = Differ()
    differ._own_motion = True  # decided before
    everywhere = np.ones((size, size), np.float32)
    change = differ(Renderings(face, face, dark, own), everywhere, Palette())
    middle = size // 2, size // 2
    depth = -change.residual[middle].mean()
    assert (change.tear[middle] > 0.9) == torn
    assert depth > 100 if torn else 10 < depth < 30


@pytest.mark.parametrize(("lighter", "in_mouth", "torn"), [(1, False, True), (-1, False, False),
                                                           (1, True, False)])  # fmt: skip
def test_a_small_renderer_shows_new_skin_but_nothing_it_darkened(lighter, in_mouth, torn):
    """A lid's crease is drawn out as it closes; between lips it is another matter."""
    before = np.full((SIZE, SIZE, 3), 130, np.float32)
    after = before.copy()
    after[28:37, 20:44] += lighter * 60
    differ = Differ()
    differ._own_motion = True  # decided before
    seen = Renderings(before, before, after, towards(32, 0.4))
    mouth = EVERYWHERE if in_mouth else np.zeros_like(EVERYWHERE)
    change = differ(seen, EVERYWHERE, Palette(), mouth)
    assert (change.tear[32, 32] > 0.9) == torn


def test_skin_that_moves_without_a_mark_moves_all_the_same():
    """A plain cheek shows nothing in the renderings; the frame's own pores do."""
    plain = np.full((SIZE, SIZE, 3), 150, np.float32)
    flow = np.full((SIZE, SIZE, 2), 2.0, np.float32)
    differ = Differ()
    differ._own_motion = True
    change = differ(Renderings(texture(), plain, plain, flow), EVERYWHERE, Palette())
    assert np.allclose(change.flow[8:-8, 8:-8], 2.0, atol=0.05)
    assert not changed(Renderings(texture(), plain, plain)).any()


def lips(open_by: float) -> tuple[np.ndarray, np.ndarray]:
    """A face-coloured picture with red lips in the middle, and motion that draws them apart."""
    face = np.full((SIZE, SIZE, 3), (180, 140, 120), np.float32)
    face[28:36, 20:44] = (170, 90, 90)
    return face, towards(32, 1 - open_by) * ((np.abs(np.arange(SIZE) - 32) < 8)[:, None, None])


def test_lips_that_part_show_the_dark_of_a_mouth():
    """The deeper the darker, the tongue below; nothing of it is a colour of the drawn world's."""
    face, motion = lips(0.8)
    motion *= np.exp(-0.5 * ((np.arange(SIZE) - 32) / 6) ** 2).astype(np.float32)[None, :, None]
    darker = face.copy()
    darker[29:35, 20:44] -= (10, 30, 0)  # bluish, and no darker than that
    differ = Differ()
    differ._own_motion = True
    there = np.zeros((SIZE, SIZE), np.float32)
    there[20:44, 12:52] = 1
    gap = differ(Renderings(face, face, darker, motion), EVERYWHERE, Palette(), there).gap
    rows = np.flatnonzero(gap.edge[:, 32] > 0)
    assert len(rows) >= 5
    above, below = gap.colour[rows[0], 32], gap.colour[rows[-1], 32]
    assert above.mean() + 5 < below.mean() < 0.4 * face.mean()
    for colour in (above, below):
        assert 0 < colour[2] <= colour[1] < colour[0]
    assert gap.edge[:18].max() < 0


def test_a_gap_that_fades_closes():
    edge = np.full((SIZE, SIZE), -5, np.float32)
    edge[30:35, 20:44] = np.array([1, 2, 3, 2, 1])[:, None]
    gap = Gap(edge, np.zeros((SIZE, SIZE, 3), np.float32))
    heights = [(gap.scaled(weight).edge > 0).sum(0).max() for weight in (1.0, 0.6, 0.3, 0.0)]
    assert heights == [5, 3, 1, 0]


def test_kept_lips_move_as_a_whole():
    """What draws the lips apart is gone, what lifts both is not."""
    face, motion = lips(0.6)
    lifted = motion + np.array([0, 3], np.float32)
    differ = Differ()
    differ._own_motion = True
    moved = face.copy()
    moved[25:33, 20:44] -= 40
    change = differ(Renderings(face, face, moved, lifted), EVERYWHERE, Palette(), None, EVERYWHERE)
    column = change.flow[26:39, 32, 1]
    assert np.ptp(column) < 0.25 * np.ptp(lifted[26:39, 32, 1])
    assert column.mean() == pytest.approx(3, abs=0.8)
    assert not change.tear.any()


def test_a_timid_motion_is_carried_on_less_in_the_eyes():
    before = texture()
    motion = np.zeros((SIZE, SIZE, 2), np.float32)
    motion[..., 1] = 1.0
    after = shifted(before, 0.0, -1.0)
    seen = Renderings(before, before, after, motion, expected=1.5 / SIZE)
    eyes = np.zeros((SIZE, SIZE), np.float32)
    eyes[:, : SIZE // 2] = 1.0
    flow = Differ()(seen, EVERYWHERE, Palette(), eyes=eyes).flow[SIZE // 2, :, 1]
    in_eyes, beside = flow[SIZE // 4], flow[3 * SIZE // 4]
    assert beside == pytest.approx(1.5, abs=0.1)
    assert 1.0 <= in_eyes < 1.2
