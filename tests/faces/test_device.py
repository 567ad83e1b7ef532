"""The device's way of working on pixels beside that of NumPy and OpenCV: on a GPU where there is
one, else on the CPU device."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from cmet_cli import EmotionEditor, editor
from cmet_cli.faces import (
    brows,
    corners,
    fields,
    furrows,
    inside,
    lip_line,
    lips,
    mouth,
    opening,
)
from cmet_cli.faces import difference as host
from cmet_cli.faces import repaint as painting
from cmet_cli.faces.blend import face_mask, head_mask
from cmet_cli.faces.calibration import FaceEllipse
from cmet_cli.faces.crop import crop_rgb
from cmet_cli.faces.device import brows as brows_there
from cmet_cli.faces.device import colour, crop, recorded, sampling
from cmet_cli.faces.device import corners as corners_there
from cmet_cli.faces.device import difference as device
from cmet_cli.faces.device import furrows as furrows_there
from cmet_cli.faces.device import inside as inside_there
from cmet_cli.faces.device import lip_line as lip_line_there
from cmet_cli.faces.device import lips as lips_there
from cmet_cli.faces.device import mouth as mouth_there
from cmet_cli.faces.device import opening as opening_there
from cmet_cli.faces.device import repaint as painting_there
from cmet_cli.faces.device.masks import moved, on_device
from cmet_cli.faces.device.repaint import repaint as repaint_there
from cmet_cli.faces.geometry import Square, plane_rectangle
from cmet_cli.faces.palette import Palette
from cmet_cli.faces.reach import Reach
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter
from cmet_cli.options import RuntimeOptions
from cmet_cli.pipeline.encode import sharpness_of

SIZE, HEIGHT, WIDTH = 64, 270, 480
DEVICE = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
#: Inside, over a corner, over the lower edge, larger than the picture; small and large steps.
SQUARES = [
    Square(240.3, 131.7, 193.1),
    Square(20.2, 30.1, 130.4),
    Square(300.6, 250.9, 111.7),
    Square(240.0, 135.0, 560.0),
]


def soft(seed: int, channels: int, sigma: float, shape: tuple[int, int] = (SIZE, SIZE)):
    """Noise of spread 1, float32 ``[h, w, channels]``."""
    noise = np.random.default_rng(seed).standard_normal((*shape, channels)).astype(np.float32)
    out = cv2.GaussianBlur(noise, (0, 0), sigma).reshape(*shape, channels)
    return out / out.std()


def picture(seed: int) -> np.ndarray:
    return np.clip(128 + 45 * soft(seed, 3, 1.5), 0, 255)


FLOW = 3 * soft(1, 2, 3.0)
FACE = face_mask(SIZE, FaceEllipse((0.5, 0.53), (0.33, 0.385)))


def there(*arrays: np.ndarray) -> torch.Tensor:
    """``[S, S, C]`` or ``[S, S]`` each -> ``[B, C, S, S]``."""
    stacked = np.stack([a.reshape(*a.shape[:2], -1) for a in arrays])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).to(DEVICE)


def here(tensor: torch.Tensor) -> np.ndarray:
    return tensor[0].permute(1, 2, 0).squeeze(-1).cpu().numpy()


def planes_of(layout: str, seed: int = 0) -> tuple[np.ndarray, ...]:
    kind = FORMATS[layout]
    middle = 2.0 ** (kind.bits - 1)
    return tuple(
        np.clip(middle * (1 + 0.3 * soft(seed + k, 1, 1.0, shape)[..., 0]), 0, 2 * middle - 1)
        .astype(kind.dtype)
        for k, shape in enumerate(kind.plane_shapes(WIDTH, HEIGHT))
    )  # fmt: skip


def ones(number: float, n: int = 1) -> torch.Tensor:
    """Of each of n frames, ``[n, 1, 1, 1]``."""
    return torch.full((n, 1, 1, 1), number, device=DEVICE)


SMUDGE = 8 * soft(4, 3, 4) * (FACE > 0.9)[..., None]
RENDERED = host.Renderings(picture(2), picture(2), picture(2) + SMUDGE)
SEEN = device.Renderings(
    there(RENDERED.original), there(RENDERED.neutral), there(RENDERED.edited), there(FLOW)
)
PICTURES = ("original", "neutral", "edited")
ROW = 45 + soft(6, 1, 6.0)[:1, :, 0]
WEIGHT = 1 + soft(7, 1, 6.0)[:1, :, 0] ** 2
UNLIKE = lip_line.unlikely(picture(2), FACE, FACE)
BENT = FLOW - np.float32([0, 60]) * np.square(np.linspace(-1, 1, SIZE, dtype=np.float32))[:, None]
#: The inner ends of brows come down, the outer ones rise.
FROWN = 0.2 * FLOW
FROWN[..., 1] += 2 - 8 * np.exp(-np.square(np.linspace(-4, 4, SIZE, dtype=np.float32)))
OPENED = opening.opened(FLOW, ROW, FACE, 0.3)
OPENED_THERE = opening_there.opened(
    there(FLOW), there(ROW), there(FACE), torch.tensor([0.3], device=DEVICE)
)
PAIRS = {
    "blur": (host.blur(picture(2), 0.03), sampling.blur(there(picture(2)), 0.03)),
    "warp": (host.warp(picture(2), FLOW), sampling.warp(there(picture(2)), there(FLOW))),
    "down_mean": (fields.down_mean(FLOW), sampling.down_mean(there(FLOW))),
    "stretch": (host.stretch(FLOW), device.stretch(there(FLOW))),
    "moving": (host.moving(FLOW * 0.1), device.moving(there(FLOW * 0.1))),
    "changed": (host.changed(RENDERED), device.changed(SEEN)),
    "unlikely": (UNLIKE, lip_line_there.unlikely(there(picture(2)), there(FACE), there(FACE))),
    "met": (
        lip_line.met(UNLIKE, FACE),
        lip_line_there.met(there(UNLIKE), there(FACE), ones(device.UNKNOWN)),
    ),
    "met near": (
        lip_line.met(UNLIKE, FACE, 0.6),
        lip_line_there.met(there(UNLIKE), there(FACE), ones(0.6)),
    ),
    "parted": (
        lip_line.parted(UNLIKE, ROW, WEIGHT),
        lip_line_there.parted(there(UNLIKE), there(ROW), there(WEIGHT)),
    ),
    "origin": (
        opening.origin(FLOW, FACE)[0],
        opening_there.origin(there(FLOW), there(FACE))[0],
    ),
    "opened": (
        OPENED.flow,
        OPENED_THERE.flow,
    ),
    "edge": (OPENED.edge, OPENED_THERE.edge),
    "over": (OPENED.over, OPENED_THERE.over),
    "below": (OPENED.below, OPENED_THERE.below),
    "height": (OPENED.height, OPENED_THERE.height),
    "teeth": (
        opening.teeth(picture(2), FACE),
        opening_there.teeth(there(picture(2)), there(FACE)),
    ),
    "cavity": (
        inside.cavity(picture(2), FACE, FACE, OPENED.height),
        inside_there.cavity(there(picture(2)), there(FACE), there(FACE), OPENED_THERE.height),
    ),
    "held_up": (
        corners.held_up(BENT, FACE, 0.3),
        corners_there.held_up(there(BENT), there(FACE), ones(0.3)),
    ),
    "held_level": (
        brows.held_level(FROWN, FACE),
        brows_there.held_level(there(FROWN), there(FACE)),
    ),
    "bare_skin": (
        furrows.bare_skin(picture(2), FACE),
        furrows_there.bare_skin(there(picture(2)), there(FACE)),
    ),
    "teeth_edge": (
        inside.teeth_edge(OPENED.below, OPENED.height, 0.7),
        inside_there.teeth_edge(OPENED_THERE.below, OPENED_THERE.height, 0.7),
    ),
    "enamel": (
        inside.enamel(picture(2), FACE, OPENED.below, OPENED.height),
        inside_there.enamel(
            there(picture(2)), there(FACE), OPENED_THERE.below, OPENED_THERE.height
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_step_gives_the_numbers_of_its_twin(name):
    on_host, on_the_device = PAIRS[name]
    assert on_host.std() > 0.02  # a field of nothing would agree with anything
    assert np.abs(on_host - here(on_the_device)).max() < 2e-3


@pytest.mark.parametrize("seed", range(4))
def test_whether_lips_were_shut_is_seen_alike(monkeypatch, seed):
    for name, value in (
        ("OPEN", 0.0),
        ("SHUT", 1.0),
        ("TEETH_TO", 1.5),
        ("LINE", 0.0),
        ("OPENED", 0.1),
    ):
        monkeypatch.setattr(inside, name, value)
    filmed = 0.6 * picture(seed) + np.array([80, 30, 20], np.float32)
    exact = inside.were_shut(filmed, FACE, ROW, WEIGHT)
    found = inside_there.were_shut(there(filmed), there(FACE), there(ROW), there(WEIGHT))
    assert 0.02 < exact < 0.98
    assert float(found) == pytest.approx(exact, abs=1e-4)


def test_an_ellipse_is_dilated_whole():
    for reach in (1, 3, 13):
        shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        wide = cv2.dilate(picture(3)[..., 0], shape)
        assert np.array_equal(wide, here(sampling.dilate(there(picture(3)[..., 0]), reach)))


def test_masks_move_with_the_head():
    ellipse = FaceEllipse((0.5, 0.53), (0.33, 0.385))
    heads = np.array([[0.0, 0.0], [0.043, -0.021]], np.float32)
    found = moved(on_device(FACE, DEVICE), torch.from_numpy(heads).to(DEVICE))
    fades = sampling.warp(
        found, torch.zeros(2, 2, SIZE, SIZE, device=DEVICE)
    )  # the border's is the join's
    for head, mask in zip(heads, fades, strict=True):
        inner = (slice(6, -6), slice(6, -6))
        exact = head_mask(SIZE, ellipse, *map(float, head))
        assert np.abs(exact - mask[0].cpu().numpy())[inner].max() < 1e-3


def test_a_persons_colours_are_learned_and_kept_to():
    palette, face = Palette(), np.random.default_rng(0).uniform(0, 1, (SIZE, SIZE))
    face = face.astype(np.float32)
    palette.learn(picture(2), face)
    none = np.zeros_like(face)
    ends, counts = colour.ranges(there(picture(2), picture(2)), there(face, none))
    assert counts.tolist() == [int((face > 0.5).sum()), 0]
    assert np.abs(ends[0].cpu().numpy() - np.stack(palette.ranges)).max() < 1e-3
    residual = 60 * soft(5, 3, 2.0)
    low, high = ends[:1, :, :, None, None].unbind(1)
    kept = colour.limited(there(picture(3)), there(residual), low, high)
    wanted = palette.limited(picture(3), residual)
    assert np.abs(wanted - residual).max() > 20
    assert np.abs(wanted - here(kept)).max() < 2e-3


def test_likeness_and_sharpness():
    dull = replace(RENDERED, neutral=RENDERED.original * 0.6 + picture(7) * 0.4)
    like = device.likeness(there(dull.original), there(dull.neutral), there(FACE))
    assert float(like) == pytest.approx(host.likeness(dull, FACE), abs=1e-4)
    assert float(crop.sharpness(there(picture(2)))) == pytest.approx(
        sharpness_of(picture(2)), rel=1e-4
    )


def part(rows: slice) -> np.ndarray:
    """A part of the face, float32 ``[S, S]`` in [0, 1]."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[rows] = 1
    return cv2.GaussianBlur(mask, (0, 0), 1.5) * FACE


#: Where lips are known to be, in three frames.
LIPS_AT = (None, 0.72, 0.7)


def opening_mouth() -> tuple[list[host.Renderings], np.ndarray, np.ndarray]:
    """Three frames of lips that part, a brow that is raised and skin that moves, where lips are,
    and where lids are."""
    mouth, eyes = part(slice(36, 56)), part(slice(16, 28))
    skin = np.array([185, 140, 120], np.float32) + 12 * soft(1, 3, 2.0)
    skin[43:48, 22:42] = (170, 95, 95)
    skin[20:23, 18:46] = (60, 45, 40)
    motion = 0.3 * FLOW * FACE[..., None]
    middle = np.exp(-0.5 * ((np.arange(SIZE) - 32) / 7) ** 2)
    motion[..., 1] += (np.arange(SIZE) - 45)[:, None] * -0.95 * middle * part(slice(40, 51))
    motion[..., 1] += np.interp(np.arange(SIZE), [8, 15, 28], [0, 6, 0])[:, None] * FACE
    dark = 30 * part(slice(43, 48))[..., None]
    seen = [
        host.Renderings(now, now, host.warp(now, -way) - share * dark, way, 0.05)
        for now, share, way in ((skin + 2 * k, s, s * motion) for k, s in enumerate((0.8, 0.9, 1)))
    ]
    return seen, mouth, eyes


def enlarged(one: host.Renderings, times: int) -> host.Renderings:
    """The same, by a larger renderer."""
    large = {n: cv2.resize(getattr(one, n), None, fx=times, fy=times) for n in PICTURES}
    motion = cv2.resize(one.motion, None, fx=times, fy=times) * times
    return replace(one, **large, motion=motion)


@pytest.mark.parametrize(("kept", "times"), [(False, 1), (True, 1), (False, 2)])
def test_what_changed_is_found_alike_frame_after_frame(kept, times):
    """Further than the renderer says, with lips that may part or stay as they were; a small
    renderer and one that draws well enough for tears."""
    seen, mouth, eyes = opening_mouth()
    pairs = zip(seen, LIPS_AT, strict=True)
    seen = [replace(enlarged(one, times), lips=row) for one, row in pairs]
    masks = (FACE, mouth, eyes, part(slice(8, 26)))
    face, mouth, eyes, brows = (cv2.resize(m, None, fx=times, fy=times) for m in masks)
    lips = (None, mouth) if kept else (mouth, None)
    differ, palette, reach, exact, told = host.Differ(), Palette(), Reach(), [], []
    differ._own_motion = True
    flows = [host.blur(one.motion, host.MOTION_SIGMA) for one in seen]
    for one, flow in zip(seen, flows, strict=True):
        palette.learn(one.original, face)
        exact.append(differ(one, face, palette, *lips, eyes, brows))
        lips_at = device.UNKNOWN if one.lips is None else one.lips
        told.append(np.concatenate([*palette.ranges, [reach(flow, one.expected), lips_at]]))
    person = torch.from_numpy(np.stack(told))[..., None, None].float()
    person = person.to(DEVICE).split([3, 3, 1, 1], dim=1)
    assert float(person[2].min()) > 0.1
    pictures = [there(*(getattr(one, name) for one in seen)) for name in PICTURES]
    masks = [None if mask is None else there(*[mask] * 3) for mask in (face, *lips, eyes, brows)]
    there_differ = device.Differ()
    found = there_differ(
        device.Renderings(*pictures, there(*flows)), device.Where(*masks), device.Person(*person)
    )
    if not kept and times == 1:
        np.testing.assert_allclose(differ._line, here(there_differ._memory.met[None]), atol=1e-2)
    assert kept or exact[-1].gap.edge.max() > 1
    plain = host.Differ()
    plain._own_motion = True
    without = plain(seen[0], face, palette, *lips, eyes)
    assert np.abs(without.flow - exact[0].flow).max() > 0.3, "brows are kept together"
    for k, change in enumerate(exact):
        for name, most in (("flow", 1.0), ("residual", 5.0), ("tear", 0.5 * (times > 1))):
            wanted, got = getattr(change, name), here(getattr(found, name)[k : k + 1])
            assert np.abs(wanted).max() >= most
            assert np.abs(wanted - got).max() < 2e-3
        assert (change.furrows is None) == (found.furrows is None) == (times > 1)
        for name in () if times > 1 else ("depth", "phase"):
            wanted, got = (getattr(of.furrows, name) for of in (change, found))
            assert np.abs(wanted).max() > 0.1
            assert np.abs(wanted - here(got[k : k + 1])).max() < 2e-3
        assert (change.gap is None) == (found.gap is None) == kept
        for layer in () if kept else ("", "teeth"):
            if layer and times > 1:  # it draws them itself
                assert change.gap.teeth is found.gap.teeth is None
                continue
            ours, theirs = (g if not layer else g.teeth for g in (change.gap, found.gap))
            for name in ("edge", "colour"):
                wanted, got = getattr(ours, name), here(getattr(theirs, name)[k : k + 1])
                # Whether lips were shut is a steep step of what is seen, and a tongue's rim is one.
                assert np.abs(wanted - got).max() < (1e-2 if layer else 4e-3)


@pytest.mark.parametrize("kept", [False, True])
def test_lines_in_skin_are_found_alike_frame_after_frame(kept):
    """Brows that come down, a forehead that is pressed together, cheeks that rise."""
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    flow = 0.1 * FLOW
    flow[..., 1] -= 4 * np.exp(-np.square((column - 32) / 10) - np.square((row - 27) / 6))
    flow[..., 1] += np.interp(row, [8, 17, 21], [0, 5, 0]) + np.interp(row, [34, 41, 50], [0, 2, 0])
    brows, line = part(slice(18, 31)), None if kept else ROW
    flows, face = [share * flow for share in (0.5, 1.0, 0.7)], furrows.Furrowed()
    exact = [face(one, FACE, brows, line) for one in flows]
    masks = [None if mask is None else there(*[mask] * 3) for mask in (FACE, brows, line)]
    frames = mouth_there.Frames.of(torch.ones(3, dtype=torch.bool, device=DEVICE))
    memory = mouth_there.Memory.before(there(picture(1)))
    found, memory = furrows_there.furrowed(there(*flows), *masks, memory, frames)
    assert exact[0].depth.shape[-1] == (2 if kept else 3)
    assert min(one.depth[..., k].max() for one in exact for k in range(3 - kept)) > 0.03
    for name in ("depth", "phase"):
        for k, one in enumerate(exact):
            wanted, got = getattr(one, name), here(getattr(found, name)[k : k + 1])
            assert np.abs(wanted - got).max() < 2e-3
    told = len(face._told)
    np.testing.assert_allclose(face._told, memory.furrows[:told].cpu().numpy(), atol=1e-5)
    nothing = torch.zeros(3, 6, SIZE, SIZE, device=DEVICE).split([2, 3, 1], dim=1)
    faded = device.Difference(*nothing, furrows=found).scaled(ones(0.5, 3)).furrows
    assert torch.equal(faded.depth, 0.5 * found.depth)
    assert faded.phase is found.phase
    still = mouth_there.Memory.before(there(picture(1)))
    hardly, _ = furrows_there.furrowed(0.01 * there(*flows), *masks, still, frames)
    assert furrows.Furrowed()(0.01 * flows[1], FACE, brows, line) is None
    assert not hardly.depth.any()
    one, other = (furrows.darkened(exact[1].depth[..., k], exact[1].phase[..., k]) for k in (0, 1))
    dark = one + other - one * other
    got = furrows_there.darkened(found.depth[1:2, :2], found.phase[1:2, :2])
    assert np.abs(dark - here(got)).max() < 2e-3
    assert dark.max() > 0.05


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_corners_are_held_alike(monkeypatch, kept, times):
    """Those of a small renderer, and however much further its motion is carried on."""
    (seen, *_), mouth, eyes = opening_mouth()
    off = np.square((np.arange(SIZE) - 31.5) / (corners.CORNER * SIZE))
    motion = np.zeros((SIZE, SIZE, 2), np.float32)
    motion[..., 1] = -2 * np.clip(off, 0, 1) * FACE * part(slice(32, 56))
    seen = enlarged(replace(seen, motion=motion, expected=0.05), times)
    masks = [cv2.resize(m, None, fx=times, fy=times) for m in (FACE, mouth, eyes, 0 * eyes)]
    lips = (None, masks[1]) if kept else (masks[1], None)
    palette = Palette()
    palette.learn(seen.original, masks[0])

    def flow() -> np.ndarray:
        differ = host.Differ()
        differ._own_motion = True
        return differ(seen, masks[0], palette, *lips, *masks[2:]).flow

    def drop(flow: np.ndarray) -> float:
        row, reach = flow[42 * times, :, 1] / times, round(corners.CORNER * SIZE)
        return row[32 * times] - (row[(32 - reach) * times] + row[(32 + reach) * times]) / 2

    held = flow()
    reach = Reach()(host.blur(seen.motion, host.MOTION_SIGMA), seen.expected)
    assert reach == 1, "twice as far"
    low, high = (there(np.tile(r, (1, 1, 1))).view(1, 3, 1, 1) for r in palette.ranges)
    told = [there(getattr(seen, name)) for name in PICTURES]
    told.append(there(host.blur(seen.motion, host.MOTION_SIGMA)))
    told += [there(masks[0]), there(masks[1]), *map(there, masks[2:]), low, high]
    told += [ones(1.0), ones(device.UNKNOWN)]
    found = here(differ_told(device.Differ(), told, kept).flow)
    assert np.abs(found - held).max() < 2e-3
    monkeypatch.setattr(host, "held_up", lambda flow, *_: flow)
    free = flow()
    if times > 1:
        np.testing.assert_array_equal(held, free)
    else:
        assert drop(free) > 2.5
        assert 0.3 < drop(held) < 0.7 * drop(free)


@pytest.mark.parametrize("down", [-6.0, 6.0])
def test_lips_are_kept_together_alike(down):
    """Whether they turn down or up, frame after frame, and where the mouth opens."""
    _, mouth, _ = opening_mouth()
    off = np.square((np.arange(SIZE) - 31.5) / (corners.CORNER * SIZE))
    frames, on_host = [], lips.Lips()
    for k, parted in enumerate((0.0, 0.0, 0.7, 1.0)):
        flow = soft(3 + k, 2, 4.0)
        flow[..., 1] -= down * np.clip(off, 0, 1)
        flow[..., 0] -= 0.2 * (np.arange(SIZE, dtype=np.float32) - 31.5)
        line = 44 + 2 * soft(50 + k, 1, 6.0)[:1, :, 0]
        told = flow, 20 * soft(40 + k, 3, 2.0), line, mouth, FACE
        frames.append((told, parted, on_host.kept_together(*told, parted)))
    tensors = [torch.cat([there(told[i]) for told, *_ in frames]) for i in range(5)]
    parted = torch.tensor([p for _, p, _ in frames], device=DEVICE).view(-1, 1, 1, 1)
    before = mouth_there.Memory.before(tensors[1])
    all_of_them = mouth_there.Frames.of(torch.ones(4, dtype=torch.bool, device=DEVICE))
    flows, residuals, after = lips_there.kept_together(*tensors, parted, before, all_of_them)
    for k, (told, _, (flow, residual)) in enumerate(frames):
        assert np.abs(flow - here(flows[k : k + 1])).max() < 1e-3
        assert np.abs(residual - here(residuals[k : k + 1])).max() < 5e-3
        if k < 3:
            assert np.abs(residual - told[1]).max() > 0.1
            assert np.abs(flow - told[0]).max() > 0.3
    np.testing.assert_allclose(on_host._shares, after.together.cpu().numpy(), atol=1e-4)


def test_whether_a_mouth_opens_and_was_shut_is_remembered_alike(monkeypatch):
    """Quickly found to open, slowly not to any more; what was shut counts while it is open."""
    partings, shuts = [0.1, 0.5, 0.4, 0.0, 0.0, 0.45], [0.1, 0.9, 0.5, 0.8, 0.7, 0.95]
    on_host = mouth.Mouth()
    for much, shut in zip(partings, shuts, strict=True):
        monkeypatch.setattr(mouth, "parting", lambda *_, much=much: much)
        monkeypatch.setattr(mouth, "were_shut", lambda *_, shut=shut: shut)
        on_host.opened(RENDERED.original, FLOW, FACE, FACE, UNLIKE)
    n = len(partings)
    for name, values in (("parting", partings), ("were_shut", shuts)):
        together = torch.tensor(values, device=DEVICE)
        monkeypatch.setattr(mouth_there, name, lambda *_, together=together: together)
    many = [there(*[one] * n) for one in (RENDERED.original, FLOW, FACE, FACE, UNLIKE)]
    memory = mouth_there.Memory.before(many[0])
    frames = mouth_there.Frames.of(torch.ones(n, dtype=torch.bool, device=DEVICE))
    memory = mouth_there.opened_along(*many, memory, frames)[2]
    assert on_host._shut == pytest.approx(0.53, abs=0.02)
    assert float(memory.shut) == pytest.approx(on_host._shut, abs=1e-6)
    assert on_host._parting == pytest.approx(0.4, abs=0.1)
    assert float(memory.parting) == pytest.approx(on_host._parting, abs=1e-6)
    np.testing.assert_allclose(on_host._line, here(memory.line[None]), atol=1e-2)


LIPS = (device.PART, device.KEEP, device.SPEAK)


def speaking() -> list[torch.Tensor]:
    """What :class:`device.Differ` is told of six frames, but what is remembered."""
    seen, mouth, eyes = opening_mouth()
    seen = [*seen, *reversed(seen)]
    flows = [host.blur(one.motion, host.MOTION_SIGMA) for one in seen]
    pictures = [there(*(getattr(one, name) for one in seen)) for name in PICTURES]
    brows = part(slice(8, 26))
    masks = [there(*[mask] * len(seen)) for mask in (FACE, mouth, eyes, brows)]
    low = torch.linspace(0, 20, 18, device=DEVICE).view(6, 3, 1, 1)
    person = [low, 200 + low, ones(0.3, 6), ones(0.7, 6)]
    person.append(torch.linspace(0, 0.6, 12, device=DEVICE).flip(0).view(6, 2, 1, 1))
    return [*pictures, there(*flows), *masks, *person]


def differ_told(differ: device.Differ, told: list[torch.Tensor], does: int) -> device.Difference:
    """In order of :func:`speaking`; does: what lips do."""
    lips = (None, told[5]) if does == device.KEEP else (told[5], None)
    where = device.Where(told[4], *lips, *told[6:8])
    person = device.Person(*told[8 : 13 if does == device.SPEAK else 12])
    return differ(device.Renderings(*told[:4]), where, person)


@pytest.mark.parametrize("does", LIPS)
def test_frames_that_do_not_count_leave_nothing_behind(does):
    """Recordings have room for more frames than there may be, with whatever is left in it."""
    told = speaking()
    memory = mouth_there.Memory.before(told[0])
    yes, no = (torch.tensor([v], device=DEVICE) for v in (True, False))
    counted = torch.cat([yes.repeat(3), no.repeat(3)])
    # As many frames in each: how a GPU adds up depends on their number.
    fresh, filled = (
        [torch.cat([t[:3], left * t[:3] + 5 * (left > 0)]) for t in told] for left in (0, 7)
    )
    alone = device._changes(does, [*fresh, counted, *memory])
    among = device._changes(does, [*filled, counted, *memory])
    kept = len(memory)
    assert torch.isfinite(among[-1]).all(), "there were frames"
    for a, b in zip(alone[:-kept], among[:-kept], strict=True):
        assert torch.equal(a[:3], b[:3])
    for a, b in zip(alone[-kept:], among[-kept:], strict=True):
        assert torch.equal(a, b)
    three = device._changes(does, [*(t[:3] for t in told), yes.repeat(3), *memory])
    for a, b in zip(three[:-kept], among[:-kept], strict=True):
        assert float((a - b[:3]).abs().max()) < 1e-2
    nobody = device._changes(does, [*filled, no.repeat(6), *memory])
    assert all(torch.equal(a, b) for a, b in zip(nobody[-kept:], memory, strict=True))


@pytest.mark.parametrize("does", LIPS)
def test_frames_by_twos_are_the_frames_together(does):
    told, by_twos = speaking(), device.Differ()
    at_once = differ_told(device.Differ(), told, does)
    for k in range(0, 6, 2):
        two = differ_told(by_twos, [t[k : k + 2] for t in told], does)
        for a, b in zip(two.tensors(), at_once.of(slice(k, k + 2)).tensors(), strict=True):
            assert float((a - b).abs().max()) < 1e-2
    assert float((two.flow - at_once.flow[:2]).abs().max()) > 0.01


@pytest.mark.skipif(DEVICE.type != "cuda", reason="no GPU")
@pytest.mark.parametrize("does", LIPS)
def test_recorded_work_gives_what_it_gave(does):
    """Twice as told, recorded from the second call on; then by somebody else, who takes it up, in
    another order of groups."""
    told = speaking()
    torch.cuda.synchronize()
    with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream()):
        plain = differ_told(device.Differ(), told, does).tensors()
        for groups in ([2, 2, 2], [4, 1, 1], [6]):
            recorders = device.recorders()
            differ, start, found = device.Differ(recorders), 0, []
            for n in groups:
                some = [t[start : start + n] for t in told]
                found.append([t.clone() for t in differ_told(differ, some, does).tensors()])
                start += n
            for k, exact in enumerate(plain):
                got = torch.cat([one[k] for one in found])
                assert float((got - exact).abs().max()) < 1e-2
            assert len(recorders[does]._mine) == 1
            del recorders, differ
    recorded.Recorder.let_go()
    assert not recorded.Recorder._free


class Noted:
    """In place of a recording, which only a GPU makes."""

    made = 0

    def __init__(self, work, like):
        type(self).made += 1
        self.work, self.device = work, like[0].device

    def __call__(self, tensors):
        assert tensors[0].device == self.device
        return [2 * t for t in self.work(tensors)]


@pytest.fixture
def noted(monkeypatch) -> type[Noted]:
    monkeypatch.setattr(recorded, "Recording", Noted)
    monkeypatch.setattr(recorded, "_has_room", lambda _: True)
    monkeypatch.setattr(recorded.Recorder, "_free", [])
    monkeypatch.setattr(recorded.Recorder, "_refused", False)
    Noted.made = 0
    return Noted


def doing(key: str) -> recorded.Recorder:
    return recorded.Recorder(lambda t: [t[0] + 1], key)


def done(recorder: recorded.Recorder, n: int = 2) -> float:
    """What comes of a one: 2 as it is, 4 from a recording."""
    one = [torch.ones(n)]
    return float(recorder(one, one)[0][0])


def test_work_is_recorded_the_second_time_and_taken_up_by_the_next(noted):
    first, other = doing("a"), doing("b")
    assert [done(first) for _ in range(3)] == [2, 4, 4]
    assert done(other) == 2
    assert done(first, 3) == 2, "of other shapes"
    assert noted.made == 1
    both = doing("a")
    assert done(both) == 2, "in use"
    del first
    assert done(doing("a")) == 4
    assert done(doing("a")) == 4, "given back again"
    elsewhere = torch.ones(2, device="meta")
    assert doing("a")([elsewhere], [elsewhere])[0].is_meta
    assert noted.made == 1
    recorded.Recorder.let_go()
    assert done(doing("a")) == 2


def test_of_what_nobody_uses_the_last_few_are_kept(noted):
    for k in range(recorded.MOST_FREE + 2):
        recorder = doing(str(k))
        assert [done(recorder) for _ in range(2)] == [2, 4]
        del recorder
    assert len(recorded.Recorder._free) == recorded.MOST_FREE
    assert done(doing("0")) == 2
    assert done(doing(str(recorded.MOST_FREE + 1))) == 4


def test_an_editor_that_lets_go_lets_go_of_recordings(noted, monkeypatch):
    recorder = doing("a")
    assert [done(recorder) for _ in range(2)] == [2, 4]
    del recorder
    painting_there = EmotionEditor.from_weights(model="mini", runtime=RuntimeOptions(device="cpu"))
    monkeypatch.setattr(editor, "pixel_device", lambda compute: compute.torch_device)
    painting_there.let_go()
    assert not recorded.Recorder._free


def test_recordings_are_given_back_whatever_the_finalizer_interrupts(noted):
    """The lock may be this thread's own."""
    recorder = doing("a")
    assert [done(recorder) for _ in range(2)] == [2, 4]
    with recorded.Recorder._lock:
        del recorder
    assert len(recorded.Recorder._free) == 1


def test_what_cannot_be_recorded_is_done_as_it_is(noted, monkeypatch, caplog):
    tried = []

    def refused(*_):
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recorded, "Recording", refused)
    recorder, next_one = doing("a"), doing("a")
    assert [done(recorder) for _ in range(4)] == [2, 2, 2, 2]
    assert [done(next_one) for _ in range(4)] == [2, 2, 2, 2]
    assert len(tried) == 1, "once is enough"
    assert "not recorded" in caplog.text


def test_nothing_is_recorded_where_memory_is_short(noted, monkeypatch):
    monkeypatch.setattr(recorded, "_has_room", lambda _: False)
    recorder = doing("a")
    assert [done(recorder) for _ in range(3)] == [2, 2, 2]
    assert noted.made == 0


@pytest.mark.parametrize(("free", "kept", "fits"), [(99, 0, False), (60, 40, True), (100, 0, True)])
def test_memory_that_torch_keeps_counts_as_free(monkeypatch, free, kept, fits):
    monkeypatch.setattr(recorded, "ROOM", 10)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 500 + kept)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 500)
    assert recorded._has_room([torch.zeros(10, dtype=torch.uint8)]) == fits


#: Layouts and transfer functions: SDR, HLG, PQ.
KINDS = [
    ("yuv420p", "unknown"),
    ("yuv422p10le", "bt709"),
    ("yuv444p", "unknown"),
    ("gbrp", "unknown"),
    ("yuv420p10le", "arib-std-b67"),
    ("yuv420p10le", "smpte2084"),
]


@pytest.mark.parametrize(("layout", "transfer"), KINDS)
def test_crops_are_those_of_opencv(layout, transfer):
    kind = FORMATS[layout]
    converter = ColourConverter(Colour(transfer=transfer), kind, HEIGHT)
    frames = [planes_of(layout, 10 * k) for k in range(len(SQUARES))]
    cut = (
        crop.crop_rgb(frames, SQUARES, SIZE, kind, converter, DEVICE)
        .permute(0, 2, 3, 1)
        .cpu()
        .numpy()
    )
    for planes, square, found in zip(frames, SQUARES, cut, strict=True):
        exact = crop_rgb(planes, square, SIZE, kind, converter)
        apart = np.abs(exact - found)
        assert exact.std() > 5
        assert np.quantile(apart, 0.999) < 0.01


def change(seed: int, torn: bool) -> host.Difference:
    """Inside a face, nothing around it."""
    inside = np.where(FACE > 0.2, FACE, 0)[..., None]
    tear = (np.clip(soft(seed + 2, 1, 3.0), 0, 1) * inside)[..., 0]
    motion, residual = 2 * soft(seed, 2, 4.0) * inside, 25 * soft(seed + 1, 3, 4.0) * inside
    teeth = mouth.Gap(4 * soft(seed + 4, 1, 4.0)[..., 0], picture(seed + 5))
    gap = mouth.Gap(4 * soft(seed + 3, 1, 4.0)[..., 0] - 10 * (1 - FACE), picture(seed), teeth)
    return host.Difference(motion, residual, tear * np.float32(torn), gap)


def gaps_there(gaps: list[mouth.Gap]) -> mouth_there.Gap:
    teeth = None if gaps[0].teeth is None else gaps_there([g.teeth for g in gaps])
    return mouth_there.Gap(there(*(g.edge for g in gaps)), there(*(g.colour for g in gaps)), teeth)


def test_a_gap_fades_alike_with_what_lies_before_it():
    gaps, weights = [change(20 + k, torn=False).gap for k in range(3)], (1.0, 0.6, 0.2)
    found = gaps_there(gaps).scaled(torch.tensor(weights, device=DEVICE).view(-1, 1, 1, 1))
    for k, (gap, weight) in enumerate(zip(gaps, weights, strict=True)):
        exact = gap.scaled(weight)
        for ours, theirs in ((exact, found), (exact.teeth, found.teeth)):
            assert np.abs(ours.edge - here(theirs.edge[k : k + 1])).max() < 1e-5
    assert np.abs(exact.teeth.edge - gaps[2].teeth.edge).max() > 1


@pytest.mark.parametrize("grain", [False, True])
@pytest.mark.parametrize(("layout", "transfer"), KINDS)
def test_planes_are_repainted_alike_and_what_is_not_touched_stays(
    layout, transfer, grain, monkeypatch
):
    if not grain:
        monkeypatch.setattr(painting, "detail_change", lambda _: None)
        monkeypatch.setattr(painting_there, "detail_change", lambda flow: 0 * flow[:, :1])
    kind = FORMATS[layout]
    converter = ColourConverter(Colour(transfer=transfer), kind, HEIGHT)
    frames = [planes_of(layout, 10 * k) for k in range(len(SQUARES))]
    crops = [crop_rgb(p, s, SIZE, kind, converter) for p, s in zip(frames, SQUARES, strict=True)]
    changes = [change(20 + k, torn=k != 2) for k in range(len(SQUARES))]
    targets = [Target(square, kind, converter) for square in SQUARES]
    together = device.Difference(
        there(*(c.flow for c in changes)),
        there(*(c.residual for c in changes)),
        there(*(c.tear for c in changes)),
        gaps_there([c.gap for c in changes]),
    )
    found = repaint_there(frames, there(*crops), together, targets)
    level = 2 ** (kind.bits - 8)
    for k, old in enumerate(frames):
        exact = repaint(old, crops[k], changes[k], targets[k])
        for c, (a, b, before) in enumerate(zip(exact, found[k], old, strict=True)):
            assert b.dtype == before.dtype
            sub = (1, 1) if c == 0 else (kind.sub_x, kind.sub_y)
            beyond = np.ones(before.shape, bool)
            beyond[plane_rectangle(SQUARES[k], before.shape, *sub)] = False
            assert np.array_equal(b[beyond], before[beyond])
            apart = np.abs(a.astype(int) - b.astype(int))
            touched = (a != before).sum()
            assert touched > 0.005 * before.size
            assert np.abs(a.astype(int) - before).max() > 20 * level
            # A place that falls between two of OpenCV's may go either way; grain adds a quarter.
            assert (apart > 0).sum() < 0.005 * touched
            assert (apart > level * (1.25 if grain else 1)).sum() <= 1 + 1e-4 * touched


@pytest.mark.parametrize(("layout", "transfer"), KINDS)
def test_lines_in_skin_are_drawn_alike(layout, transfer):
    squares = [*SQUARES, Square(240.3, 131.7, 72.0)]  # so small that lines fade
    kind = FORMATS[layout]
    converter = ColourConverter(Colour(transfer=transfer), kind, HEIGHT)
    frames = [planes_of(layout, 10 * k) for k in range(len(squares))]
    crops = [crop_rgb(p, s, SIZE, kind, converter) for p, s in zip(frames, squares, strict=True)]
    still, inside = np.zeros((SIZE, SIZE, 6), np.float32), np.where(FACE > 0.2, FACE, 0)[..., None]
    lines = [
        furrows.Furrows(0.4 * inside * np.abs(soft(k, 2, 4.0)).clip(0, 1), 8 * soft(k + 5, 2, 8.0))
        for k in range(len(squares))
    ]
    targets = [Target(square, kind, converter) for square in squares]
    together = device.Difference(
        *there(*[still] * len(squares)).split([2, 3, 1], dim=1),
        furrows=furrows_there.Furrows(
            there(*(one.depth for one in lines)), there(*(one.phase for one in lines))
        ),
    )
    found = repaint_there(frames, there(*crops), together, targets)
    for k, (old, new) in enumerate(zip(frames, found, strict=True)):
        change = host.Difference(still[..., :2], still[..., :3], still[..., 0], furrows=lines[k])
        exact = repaint(old, crops[k], change, targets[k])
        for c, (a, b, before) in enumerate(zip(exact, new, old, strict=True)):
            assert (a != before).any() == (c == 0 or kind.rgb)
            apart = np.abs(a.astype(int) - b.astype(int))
            assert apart.max() <= 1
            assert (apart > 0).sum() <= 1 + 0.005 * (a != before).sum()


def test_no_change_gives_the_planes_themselves():
    kind = FORMATS["yuv420p"]
    converter = ColourConverter(Colour(), kind, HEIGHT)
    nothing = torch.zeros(2, 6, SIZE, SIZE, device=DEVICE).split([2, 3, 1], dim=1)
    frames = [planes_of("yuv420p"), planes_of("yuv420p", 5)]
    targets = [Target(square, kind, converter) for square in SQUARES[:2]]
    crops = there(picture(1), picture(2))
    after = repaint_there(frames, crops, device.Difference(*nothing), targets)
    assert all(
        a is b for old, new in zip(frames, after, strict=True)
        for a, b in zip(old, new, strict=True)
    )  # fmt: skip
