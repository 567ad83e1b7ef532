"""The whole mini model from nothing, at tiny sizes: made, written, loaded as an edit loads it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cmet_cli.backends.devices import resolve
from cmet_cli.backends.edtalk.audio2lip import Audio2LipConfig
from cmet_cli.backends.edtalk.connector import ConnectorConfig
from cmet_cli.backends.edtalk.load import load, load_renderer
from cmet_cli.backends.edtalk.model_config import read_config
from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig
from cmet_cli.emotion.presets import presets_for
from cmet_cli.emotion.speech.choose import encoder_name, load_speech_encoder
from cmet_cli.emotion.speech.speechnet import SpeechNetConfig
from cmet_cli.errors import CheckpointError
from cmet_cli.lab.avatar.emotions import EMOTIONS, mean_expression
from cmet_cli.lab.avatar.face_state import EXPRESSION_NAMES
from cmet_cli.lab.avatar.shapes import JAW_FELT, JAW_SPOKEN
from cmet_cli.lab.training.batches import to_tensor
from cmet_cli.lab.training.clip_features import WorldSpec
from cmet_cli.lab.training.code_space import code_space
from cmet_cli.lab.training.loop import TrainConfig
from cmet_cli.lab.training.renderer_config import RendererConfig
from cmet_cli.lab.training.renderer_quality import contact_sheet, draw_edit_trials, renderer_report
from cmet_cli.lab.training.train_connector import ConnectorTraining
from cmet_cli.lab.training.train_lips import LipsConfig
from cmet_cli.lab.training.train_mini import PART_FILES, MiniConfig, export_part, train_mini
from cmet_cli.lab.training.train_speech import SpeechConfig
from cmet_cli.lab.training.voices import VoicesConfig
from cmet_cli.lab.training.wild_voices import WildConfig
from cmet_cli.lab.training.world import WorldConfig
from cmet_cli.options import RuntimeOptions
from cmet_cli.weights.folder import inspect_folder

SHIPPED = Path(__file__).parents[3] / "weights" / "mini"
CPU = resolve(RuntimeOptions(device="cpu"))
SHORT = TrainConfig(steps=2, batch=4, log_every=1, checkpoint_every=1)
RENDERER = RendererConfig(
    network=EDTalkConfig(channels=(8, 12, 16), latent_dim=48, expression_hidden=8, equalised=False),
    encoder=SHORT,
    joint=SHORT,
    refine=SHORT,
    members=2,
)
TINY = MiniConfig(
    world=WorldConfig(
        size_px=16, cells=2, identities=2, lips=1, poses=1, expressions=2, people=4, workers=1
    ),
    renderer=RENDERER,
    voices=VoicesConfig(clips=20, seconds=1.6, voices=3, workers=1),
    lips=LipsConfig(network=Audio2LipConfig(channels=(4, 4, 6, 6, 8)), train=SHORT, frames=4),
    wild=WildConfig(speakers=3, seconds=1.0, workers=1),
    speech=SpeechConfig(network=SpeechNetConfig(tracks=9, channels=(12, 12), dim=8), train=SHORT),
    connector=ConnectorTraining(
        model=ConnectorConfig(width=16, layers=1, heads=2, feedforward=16, speech_dim=8),
        schedule=SHORT,
    ),
    connector_world=WorldSpec(people=2, clips=1, seconds=1.0),
    calibration_world=WorldSpec(people=2, first=90_000, clips=1, seconds=1.0),
    calibration_trials=1,
    preset_voices=2,
    motion_pairs=30,
    threads=1,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run, out = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("out") / "mini"
    stages = []
    train_mini(run, out, TINY, lambda stage, done, total: stages.append(stage))
    return run, out, list(dict.fromkeys(stages))


def test_it_loads_as_an_edit_loads_it(made):
    _, out, stages = made
    weights = inspect_folder(out)
    assert not weights.missing
    backend, connector = load(weights, CPU)
    assert backend.name == "mini"
    assert read_config(weights.config).edtalk == TINY.renderer.network
    assert connector.gain > 0
    smile = code_space().encode_expression(mean_expression("happy"))
    assert 0 < backend.expected_motion(smile) < 0.2
    assert backend.expected_motion(2 * smile) == pytest.approx(2 * backend.expected_motion(smile))
    presets = presets_for(weights, encoder_name(weights))
    assert set(presets.by_name) == set(EMOTIONS)
    source = backend.prepare(torch.zeros(1, 3, 16, 16))
    assert backend.render(source, torch.zeros(1, 36)).shape == (1, 3, 16, 16)
    speech = load_speech_encoder(weights, CPU.device)
    assert speech.feature(np.zeros(3200, np.float32)).shape == (8,)
    for stage in ("world", "encoder", "renderer", "voices", "lips", "wild", "speech", "connector"):
        assert stage in stages, stage


def test_half_precision_keeps_the_function(made):
    """What is loaded paints what was trained."""
    run, out, _ = made
    from cmet_cli.lab.training.train_mini import make_renderer

    trained = make_renderer(run, TINY)  # taken over from the finished run
    loaded = load_renderer(inspect_folder(out), CPU)[0]
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        codes = trained.latent_to_codes(trained.encode(image)[0])
        one = trained.render(trained.prepare_source(image), codes)
        two = loaded.render(loaded.prepare_source(image), codes)
    assert (one - two).abs().mean() < 0.01 * one.abs().mean()


def test_a_second_call_trains_nothing_and_writes_the_same_files(made, tmp_path):
    run, out, _ = made
    before = (run / "renderer" / "checkpoint.pt").stat().st_mtime_ns
    train_mini(run, tmp_path, TINY)
    assert (run / "renderer" / "checkpoint.pt").stat().st_mtime_ns == before
    for name in (*PART_FILES.values(), "config.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_a_part_of_another_size_is_refused(made, tmp_path):
    _, out, _ = made
    for path in (p for p in out.iterdir() if p.is_file()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["edtalk"]["latent_dim"] = 52
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="has shape"):
        load(inspect_folder(tmp_path), CPU)


def test_an_ear_for_unknown_tracks_is_refused(made, tmp_path):
    _, out, _ = made
    for path in (p for p in out.iterdir() if p.is_file()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["speech"]["tracks"] = 5
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="tracks or none"):
        load_speech_encoder(inspect_folder(tmp_path), CPU.device)


@pytest.mark.parametrize("motion", [[[1.0, 2.0]], [["far"] * 10] * 10, [[1e999] * 10] * 10, 7])
def test_a_table_of_motion_that_is_none_is_refused(motion, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"motion": motion}))
    with pytest.raises(CheckpointError, match="not a readable model configuration"):
        read_config(tmp_path / "config.json")


FELT = [1.0] + [0.0] * 9


@pytest.mark.parametrize(
    "jaw",
    [
        7,
        [FELT],
        {"felt": FELT},
        {"spoken": [0.1] * 20},
        {"spoken": [0.1] * 3, "felt": FELT},
        {"spoken": ["wide"] * 20, "felt": FELT},
        {"spoken": [0.1] * 20, "felt": [0.0] * 10},
        {"spoken": [1e999] * 20, "felt": FELT},
        {"spoken": [0.1] * 20, "felt": FELT, "parts": -1},
        {"spoken": [0.1] * 20, "felt": FELT, "parts": [1, 2]},
    ],
)
def test_a_jaw_that_is_none_is_refused(jaw, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"jaw": jaw}))
    with pytest.raises(CheckpointError, match="not a readable model configuration"):
        read_config(tmp_path / "config.json")


def test_a_jaw_is_a_direction_of_length_one(tmp_path):
    told = {"spoken": [0.1] * 20, "felt": [2.0] + [0.0] * 9}
    (tmp_path / "config.json").write_text(json.dumps({"jaw": told}))
    jaw = read_config(tmp_path / "config.json").jaw
    assert jaw is not None
    assert jaw.felt == pytest.approx(np.array(FELT))


def test_the_shipped_codes_say_where_the_jaw_is():
    """As the drawn world has it: opened lips by the lip codes, a dropped jaw by expression."""
    jaw, space = read_config(SHIPPED / "config.json").jaw, code_space()
    assert jaw is not None
    lips = space.encode_lips(np.array([0.7, 0.2, 0.1]))
    assert lips @ jaw.spoken == pytest.approx(0.7, abs=1e-3)
    one = np.zeros(14, np.float32)
    one[EXPRESSION_NAMES.index("jaw_drop")] = 1
    dropped = space.encode_expression(one)
    assert dropped @ jaw.felt / np.linalg.norm(dropped) == pytest.approx(1, abs=1e-3)
    # A drawn jaw hangs as far where words part the lips by what these codes say.
    said = float(dropped @ jaw.felt) * jaw.parts
    assert JAW_SPOKEN * said == pytest.approx(JAW_FELT, rel=1e-3)


def test_exporting_a_part_keeps_the_other_sections(tmp_path):
    (tmp_path / "config.json").write_text('{"gain": 1.3, "source": "frame"}')
    export_part(tmp_path, "edtalk", EDTalk(RENDERER.network))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["gain"] == 1.3
    assert config["source"] == "frame"
    assert config["edtalk"] == {
        **dataclasses.asdict(RENDERER.network),
        "channels": list(RENDERER.network.channels),
    }


class Oracle(EDTalk):
    """Knows the trials' answers by heart: renders the drawn target of the asked expression."""

    def __init__(self, trials, share: float) -> None:
        super().__init__(RENDERER.network)
        self.trials, self.share, self.asked = trials, share, 0
        self.codes_of = torch.from_numpy(trials.codes)

    def render(self, source, codes):
        pictures = []
        for face, code in zip(self.faces, codes, strict=True):
            start = to_tensor(self.trials.sources)
            person = int((start - face).abs().mean(dim=(1, 2, 3)).argmin())
            distance = (self.codes_of[person] - code[26:]).norm(dim=1)
            target = to_tensor(self.trials.targets[person])[int(distance.argmin())]
            exact = float(distance.min()) < 1e-4
            pictures.append(face + (target - face) * (self.share if exact else 0.0))
        return torch.stack(pictures)

    def prepare_source(self, images):
        self.faces = images


def test_report_measures_the_share_of_the_change_that_is_reached():
    trials = draw_edit_trials(2, 16, ("happy", "sad"))
    assert trials.targets.shape == (2, 2, 16, 16, 3)
    right, half = (renderer_report(Oracle(trials, share), trials) for share in (1.0, 0.5))
    assert right["edit_psnr_db"] > 90
    assert right["pixel_amplitude"] == pytest.approx(1.0, abs=1e-4)
    assert half["pixel_amplitude"] == pytest.approx(0.5, abs=1e-4)
    assert half["edit_psnr_db"] == pytest.approx(right["unedited_psnr_db"] + 6.02, abs=0.1)
    sheet = contact_sheet(Oracle(trials, 1.0), trials)
    assert sheet.shape == (2 * 2 * 16, 3 * 16, 3)
    np.testing.assert_array_equal(sheet[:16, 16:], sheet[16:32, 16:])
