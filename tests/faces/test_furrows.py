"""Lines of an expression lie where faces have them, as deep as skin moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces import furrows as furrows_module
from cmet_cli.faces.difference import Differ, Difference, Renderings
from cmet_cli.faces.fields import LUMA
from cmet_cli.faces.furrows import (
    APART,
    CENTRE,
    FROWN_APART,
    LEAST_DEPTH,
    STEEPER,
    Furrowed,
    Furrows,
    bare_skin,
    darkened,
)
from cmet_cli.faces.geometry import Square
from cmet_cli.faces.palette import Palette
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

SIZE, LIPS = 64, 44
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE].astype(np.float32)
BARE = np.ones((SIZE, SIZE), np.float32)
COLOUR = np.full((SIZE, SIZE, 3), (190, 140, 120), np.float32)
BROWS = ((ROWS > 14) & (ROWS < 27)).astype(np.float32)
LINE = np.full((1, SIZE), LIPS, np.float32)
STILL = np.zeros((SIZE, SIZE, 2), np.float32)
FOREHEAD, FROWN, FOLDS = range(3)


def moving(down: np.ndarray) -> np.ndarray:
    """What rises comes from below: motion ``[S, S, 2]`` of rises ``[S, S]`` in pixels."""
    return np.dstack([np.zeros_like(down), down]).astype(np.float32)


#: Brows rise by five pixels, and less and less above and below.
RAISED = moving(np.interp(ROWS, [2, 18, 24, 34], [0, 5, 5, 0]))
FROWNING = moving(-3 * np.exp(-0.5 * (np.square(COLUMNS - 32) / 100 + np.square(ROWS - 22) / 50)))


def lifting(left: float, right: float) -> np.ndarray:
    """Cheeks, by pixels."""
    near = np.exp(-0.5 * np.square((ROWS - 41) / 8))
    return moving(near * np.where(COLUMNS < 32, left, right))


def furrows(flow: np.ndarray, bare: np.ndarray = BARE) -> Furrows | None:
    return Furrowed()(flow, bare, BROWS, LINE)


def drawn(found: Furrows, kind: int, times: int = 8) -> np.ndarray:
    """How much darker it is, ``times`` as finely as the crop."""
    fine = [
        np.kron(part[..., kind], np.ones((times, times))) for part in (found.depth, found.phase)
    ]
    along = (np.arange(SIZE * times) + 0.5) / times - 0.5
    for axis in (0, 1):  # phases are not steps
        fine[1] = np.apply_along_axis(
            lambda one: np.interp(along, np.arange(SIZE), one[times // 2 :: times]), axis, fine[1]
        )
    return darkened(fine[0].astype(np.float32), fine[1].astype(np.float32))


def lines(across: np.ndarray, least: float) -> np.ndarray:
    """Where it is darkest by at least so much, and lighter on both sides."""
    inner = across[1:-1]
    return 1 + np.flatnonzero((inner > across[:-2]) & (inner >= across[2:]) & (inner > least))


def test_raised_brows_draw_lines_across_the_forehead():
    found = furrows(RAISED)
    dark = drawn(found, FOREHEAD)
    at = lines(dark[:, 8 * 32], 0.05) / 8
    assert len(at) >= 2
    assert at.max() < 21, "above the brows"
    assert np.diff(at).min() > 0.6 * APART * SIZE
    assert max(found.depth[..., kind].max() for kind in (FROWN, FOLDS)) < LEAST_DEPTH
    assert not len(lines(dark[8 * 10, 8 * 20 : 8 * 44], 0.15)), "across, not down"


def test_lines_of_a_forehead_go_along_with_its_skin():
    low, high = (lines(drawn(furrows(s * RAISED), FOREHEAD)[:, 256], 0.02) for s in (0.7, 1.0))
    assert len(low) >= 2
    last = min(len(low), len(high)) - 1
    risen = (low[-1 - last :] - high[-1 - last :]).mean() / 8
    assert 0.2 < risen < 1.6, "brows rise by one and a half pixels more"


@pytest.mark.parametrize("degrees", [-15, 15])
def test_lines_are_tilted_with_the_face(degrees):
    """As the line of its lips is, which slopes a little less."""
    slope = np.tan(np.radians(degrees)) / STEEPER
    line = (LIPS + slope * (COLUMNS[:1] - 31.5)).astype(np.float32)
    falls, faces = [], (Furrowed()(RAISED, BARE, BROWS, line), furrows(RAISED))
    for phase in (found.phase[8:16, :, FOREHEAD] for found in faces):
        across, down = (phase[:, 40] - phase[:, 24]) / 16, np.gradient(phase, axis=0)[:, 24:41]
        falls.append(-across.mean() / down.mean())
    assert np.degrees(np.arctan(falls[0] - falls[1])) == pytest.approx(degrees, abs=4)
    at = [
        lines(drawn(f, FROWN)[8 * 19 : 8 * 24].mean(0), 0.03).mean() / 8
        for f in (Furrowed()(FROWNING, BARE, BROWS, line), furrows(FROWNING))
    ]
    way = np.sin(np.radians(degrees)) * CENTRE * SIZE  # brows are to a side of the middle
    assert at[0] - at[1] == pytest.approx(way, abs=0.6)


def test_a_frown_draws_two_lines_between_brows():
    dark = drawn(furrows(FROWNING), FROWN)
    rows = slice(8 * 19, 8 * 24)
    at = lines(dark[rows].mean(0), 0.05) / 8
    assert len(at) == 2
    assert at.mean() == pytest.approx(31.5, abs=0.5)
    assert np.diff(at)[0] == pytest.approx(FROWN_APART * SIZE, abs=0.5)
    assert dark[8 * 32 :].max() < 0.02, "not on the nose"


@pytest.mark.parametrize(("left", "right"), [(2.0, 2.0), (2.0, 0.0), (0.0, 2.0)])
def test_a_lifted_cheek_draws_a_fold_beside_the_nose(left, right):
    """On its own side: contempt is a smile of one."""
    dark = drawn(furrows(lifting(left, right)), FOLDS)
    for lifted, side, way in ((left, dark[:, :256], -1), (right, dark[:, 256:], 1)):
        if not lifted:
            assert side.max() < 0.01
            continue
        upper, lower = (lines(side[8 * row], 0.05) / 8 for row in (LIPS - 5, LIPS - 2))
        assert len(upper) == len(lower) == 1
        assert way * (lower[0] - upper[0]) > 0.5, "further out at the mouth's corner"


def test_deeper_the_more_moves_and_not_without_end():
    for flow, kind in ((RAISED, FOREHEAD), (FROWNING, FROWN), (lifting(1, 1), FOLDS)):
        some, more, most, beyond = (
            furrows(share * flow).depth[..., kind].max() for share in (0.3, 0.6, 9.0, 18.0)
        )
        assert 1.4 * some < more < most, kind
        assert beyond == pytest.approx(most, rel=0.25)
        assert most <= 0.5


def test_no_line_where_nothing_moves_nor_the_other_way():
    assert furrows(STILL) is None
    for flow in (0.01 * RAISED, -FROWNING * 0.3, -lifting(1, 1)):
        found = furrows(flow)
        assert found is None or found.depth[..., FROWN:].max() < LEAST_DEPTH


def test_no_line_in_hair_or_where_nothing_may_change():
    left = BARE.copy()
    left[:, 32:] = 0
    for flow in (RAISED, FROWNING, lifting(2, 2)):
        depth = furrows(flow, left).depth
        assert depth[:, :32].max() > 0.05
        assert not depth[:, 32:].any()


def test_a_beard_and_its_shadow_are_no_bare_skin():
    picture = COLOUR.copy()
    picture[40:] = (60, 45, 40)
    bare = bare_skin(picture, BARE)
    assert bare[:36].min() > 0.95
    assert bare[44:].max() < 0.05


def test_how_bare_skin_is_does_not_depend_on_how_light_it_is():
    picture = COLOUR.copy()
    picture[40:] = (60, 45, 40)
    light, dark = bare_skin(picture, BARE), bare_skin(picture * np.float32(0.4), BARE)
    assert np.abs(light - dark).max() < 0.2
    assert dark[:36].min() > 0.9


def test_lines_deepen_bit_by_bit():
    """What is measured of a frame trembles, and a line that does is seen."""
    face = Furrowed()
    face(STILL, BARE, BROWS, LINE)
    depths = [face(FROWNING + lifting(1, 1), BARE, BROWS, LINE).depth for _ in range(20)]
    for kind in (FROWN, FOLDS):
        first, second, *_, last = (depth[..., kind].max() for depth in depths)
        assert first < second < 0.7 * last


@pytest.mark.parametrize("line", [-900.0, 900.0])
def test_a_line_of_lips_far_beyond_the_picture_is_no_trouble(line):
    """Where a face leaves the picture."""
    face = Furrowed()
    for far in (line, LIPS):
        found = face(FROWNING, BARE, BROWS, np.full((1, SIZE), far, np.float32))
    assert np.isfinite(found.depth).all()
    assert found.depth[..., FROWN].max() > 0.1


def test_kept_lips_have_no_folds_beside_the_nose():
    found = Furrowed()(RAISED + lifting(2, 2), BARE, BROWS)
    assert found.depth.shape[-1] == FOLDS
    assert found.depth[..., FOREHEAD].max() > 0.1


def test_lines_are_dark_and_what_is_between_them_a_little_lighter():
    phase = np.linspace(0.5, 8.5, 4001, dtype=np.float32)
    dark = darkened(np.full_like(phase, 0.3), phase)
    assert abs(dark.mean()) < 0.01, "skin is no darker for them"
    assert len(lines(dark, 0.1)) == 8
    assert (np.abs(phase[lines(dark, 0.1)] - np.arange(1, 9)) < 0.02).all()
    assert dark.min() > -0.15


def test_lines_of_a_forehead_are_not_all_alike(monkeypatch):
    found = furrows(RAISED)
    monkeypatch.setattr(furrows_module, "UNEVEN", 0.0)
    even = furrows(RAISED)
    share = found.depth[..., FOREHEAD] / np.maximum(even.depth[..., FOREHEAD], 1e-6)
    assert np.ptp(share[even.depth[..., FOREHEAD] > 0.05]) > 0.2


def painted(
    layout: str,
    depth: float,
    transfer: str | None = None,
    light: float = 150.0,
    side: float = 256.0,
):
    """A grey picture with one line across its middle: planes before and after, and RGB of both."""
    kind = FORMATS[layout]
    converter = ColourConverter(Colour(transfer=transfer), kind, 256)
    numbers = converter.to_yuv(np.full((1, 1, 3), light, np.float32))[0, 0].round()
    shapes = kind.plane_shapes(256, 256)
    before = tuple(np.full(s, n, kind.dtype) for s, n in zip(shapes, numbers, strict=True))
    deep = depth * ((ROWS > 20) & (ROWS < 44) & (COLUMNS > 20) & (COLUMNS < 44))
    phase = (ROWS - 31.5) / 16
    lines_ = Furrows(deep[..., None].astype(np.float32), phase[..., None])
    nothing = np.zeros((SIZE, SIZE, 3), np.float32)
    change = Difference(STILL, nothing, nothing[..., 0], furrows=lines_)
    target = Target(Square(128.0, 128.0, side), kind, converter)
    crop = np.full((SIZE, SIZE, 3), light, np.float32)
    return before, repaint(before, crop, change, target), converter


@pytest.mark.parametrize("transfer", [None, "smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p10le", "gbrp"])
def test_lines_are_drawn_in_the_planes_own_light(layout, transfer):
    """As much darker in every layout and on every curve, and no other colour."""
    before, after, converter = painted(layout, 0.2, transfer)
    middle = [plane[plane.shape[0] // 2, plane.shape[1] // 2] for plane in after]
    share = float(darkened(np.float32([0.2]), np.float32([0.0]))[0])
    shown = converter.to_rgb(np.array(middle, np.float32)[None, None])[0, 0]
    assert shown @ LUMA == pytest.approx(150 * (1 - share), abs=3)
    if layout != "gbrp":
        for plane, old in zip(after[1:], before[1:], strict=True):
            assert np.array_equal(plane, old)
    else:
        assert np.ptp(shown) < 2
    assert np.array_equal(after[0][:60], before[0][:60])


def test_small_faces_have_no_lines():
    """They would be finer than pixels, and flicker as they move."""
    darker = []
    for side in (36.0, 70.0, 104.0):
        before, after, _ = painted("yuv420p", 0.3, side=side)
        darker.append(int(before[0].max()) - int(after[0].min()))
    none, some, all_of_it = darker
    assert none == 0
    assert 5 < some < 0.7 * all_of_it


def test_black_stays_black():
    before, after, _ = painted("yuv420p", 0.5, light=0.0)
    assert np.array_equal(after[0], before[0])


@pytest.mark.parametrize(("size", "furrowed"), [(64, True), (128, False)])
def test_a_small_renderers_difference_has_lines_where_a_change_may_be(size, furrowed):
    """A large one draws what it knows of them."""
    picture, brows = (cv2.resize(field, (size, size)) for field in (COLOUR, BROWS))
    motion = cv2.resize(RAISED, (size, size)) * np.float32(size / SIZE)
    left = np.zeros((size, size), np.float32)
    left[:, : size // 2] = 1
    differ = Differ()
    differ._own_motion = True
    seen = Renderings(picture, picture, picture + 40, motion)
    change = differ(seen, left, Palette(), brows=brows)
    assert (change.furrows is not None) == furrowed
    if furrowed:
        assert change.furrows.depth[:, : size // 2].max() > 0.05
        assert not change.furrows.depth[:, size // 2 :].any()
        faded = change.scaled(0.25)
        assert np.allclose(faded.furrows.depth, 0.25 * change.furrows.depth)
        assert np.array_equal(faded.furrows.phase, change.furrows.phase)
