"""The published files: where they are, what they must be, and under which terms.

Sizes and digests are given where they are known for certain; otherwise the Hub's own metadata is
checked at download time and what was received is recorded beside the files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import UsageError

CMET_REPO = "coldhyuk/C-MET"
SPEECH_REPO = "emotion2vec/emotion2vec_plus_large"
SPEECH_REVISION = "6c303ba987b86b93193de93e34bb2b077a6bedc4"
SPEECH_FOLDER = "emotion2vec_plus_large"
YUNET_FILE = "face_detection_yunet_2023mar.onnx"
PRESETS_FOLDER = "audios"
FEATURE_FOLDER = "emotion2vec+large_features"
SEE_REPOSITORY = "see the repository"
#: A branch, not a commit: what is there can change. The Hub says which commit it was.
UNPINNED = "main"

#: Tensors of the published EDTalk file that the published computation never uses.
EDTALK_UNUSED = (
    r"dec\.to_rgb1\..*",
    r".*\.noise\.weight",
    r"dec\.fineadainresblock\.\d+\.(conv1|norm1)\..*",
)
#: emotion2vec's classifier and what its pre-training needed; the feature uses none of it.
SPEECH_UNUSED = (r"proj\..*", r"modality_encoders\.AUDIO\.decoder\..*", r"_ema.*", r"ema\..*")
#: Entries that trainers put the speech encoder's tensors under, and wrappers before their names.
WRAPPER_KEYS = ("state_dict", "model_state_dict", "model")
SPEECH_PREFIXES = ("module.", "d2v_model.")


@dataclass(frozen=True)
class WeightFile:
    """One published file.

    name: what ``--only`` takes; published: its path in the repository, and in a folder laid out as
    published; converted: the safetensors written instead of a pickle ("" where the file is kept as
    it is); key: the pickle's entry; unused: patterns of tensors left out; prefixes: taken off
    tensors' names; about_bytes: for the disk check, where the exact size is not known; repo_type:
    ``model`` or ``space``.
    """

    name: str
    repo: str
    published: str
    purpose: str
    licence: str
    folder: str = ""
    revision: str = UNPINNED
    converted: str = ""
    key: str | tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    about_bytes: int = 0
    repo_type: str = "model"

    @property
    def local_published(self) -> str:
        """Path inside a weights folder, as published."""
        return f"{self.folder}/{self.published}" if self.folder else self.published

    @property
    def kept(self) -> str:
        """Path inside a weights folder after a download."""
        return self.converted or self.local_published


FILES: tuple[WeightFile, ...] = (
    WeightFile(
        "edtalk",
        CMET_REPO,
        "pretrained_weights/EDTalk.pt",
        "renderer and visual encoder (EDTalk, ECCV 2024)",
        SEE_REPOSITORY,
        converted="edtalk.safetensors",
        key="gen",
        unused=EDTALK_UNUSED,
        about_bytes=483_000_000,
    ),
    WeightFile(
        "audio2lip",
        CMET_REPO,
        "pretrained_weights/Audio2Lip.pt",
        "sound to lip codes (EDTalk, ECCV 2024)",
        SEE_REPOSITORY,
        converted="audio2lip.safetensors",
        key="audio2lip",
        about_bytes=10_800_000,
    ),
    WeightFile(
        "connector",
        CMET_REPO,
        "checkpoints/_epoch_2105_checkpoint_step000200000.pth",
        "speech emotion difference to expression difference (C-MET, CVPR 2026)",
        SEE_REPOSITORY,
        converted="connector.safetensors",
        key="state_dict",
        about_bytes=110_000_000,
    ),
    WeightFile(
        "emotion2vec",
        SPEECH_REPO,
        "model.pt",
        "speech emotion encoder (emotion2vec+ large, ACL Findings 2024), run by FunASR",
        SEE_REPOSITORY,
        folder=SPEECH_FOLDER,
        revision=SPEECH_REVISION,
        converted=f"{SPEECH_FOLDER}/model.safetensors",
        key=WRAPPER_KEYS,
        unused=SPEECH_UNUSED,
        prefixes=SPEECH_PREFIXES,
        sha256="be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4",
        about_bytes=650_000_000,
    ),
    *(
        WeightFile(
            "emotion2vec",
            SPEECH_REPO,
            name,
            "configuration of the speech emotion encoder",
            SEE_REPOSITORY,
            folder=SPEECH_FOLDER,
            revision=SPEECH_REVISION,
        )
        for name in ("config.yaml", "tokens.txt", "configuration.json")
    ),
    WeightFile(
        "yunet",
        "opencv/face_detection_yunet",
        YUNET_FILE,
        "face detector (YuNet), run by OpenCV",
        "MIT",
        size=232_589,
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    ),
)

EVALUATION_NAME, EVALUATION_FOLDER = "evaluation", "evaluation"
#: A counter of trainings.
NORM_UNUSED = (r".*\.num_batches_tracked",)

#: What only `cmet evaluate` uses, fetched where it is asked for: all of it by ``evaluation``.
EVALUATION_FILES: tuple[WeightFile, ...] = (
    WeightFile(
        "expression",
        "opencv/facial_expression_recognition",
        "facial_expression_recognition_mobilefacenet_2022july.onnx",
        "names a face's expression (OpenCV zoo, seven classes), run by OpenCV",
        "Apache-2.0",
        folder=EVALUATION_FOLDER,
        size=4_791_892,
        sha256="4f61307602fc089ce20488a31d4e4614e3c9753a7d6c41578c854858b183e1a9",
    ),
    WeightFile(
        "sface",
        "opencv/face_recognition_sface",
        "face_recognition_sface_2021dec.onnx",
        "whether two faces are one person's (SFace, OpenCV zoo), run by OpenCV",
        "Apache-2.0",
        folder=EVALUATION_FOLDER,
        revision="c140188d35b7d0050f2dcfdfb8fe3e98d516744f",
        size=38_696_353,
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    ),
    WeightFile(
        "inception",
        "toshas/torch-fidelity",
        "weights-inception-2015-12-05-6726825d.pth",
        "pictures' features for FID (Inception, 2048 numbers), run by torch-fidelity",
        "Apache-2.0",
        folder=EVALUATION_FOLDER,
        converted=f"{EVALUATION_FOLDER}/inception.safetensors",
        size=95_628_359,
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
    WeightFile(
        "i3d",
        "LanguageBind/Open-Sora-Plan-v1.0.0",
        "opensora/eval/fvd/videogpt/i3d_pretrained_400.pt",
        "videos' features for FVD (I3D, Kinetics-400)",
        SEE_REPOSITORY,
        folder=EVALUATION_FOLDER,
        revision="810fa8c4bdb3a4c8eec9bd57375c29bde6fb46de",
        converted=f"{EVALUATION_FOLDER}/i3d.safetensors",
        unused=NORM_UNUSED,
        about_bytes=50_000_000,
        repo_type="space",
    ),
    WeightFile(
        "syncnet",
        "ByteDance/LatentSync-1.6",
        "auxiliary/syncnet_v2.model",
        "how well lips and sound go together (SyncNet v2)",
        SEE_REPOSITORY,
        folder=EVALUATION_FOLDER,
        revision="c42c7e6c8e9c213626389fa7d9a3c444b8536353",
        converted=f"{EVALUATION_FOLDER}/syncnet.safetensors",
        unused=NORM_UNUSED,
        about_bytes=54_600_000,
    ),
)

PRESETS_NAME, SPEECH_NAME = "presets", "emotion2vec"
#: The Space that holds one folder of utterance features per emotion, e.g.
#: ``audios/MEAD/neutral/emotion2vec+large_features/*.npy``.
PRESETS_REPO, PRESETS_REPO_TYPE = CMET_REPO, "space"
NEUTRAL_PRESET = f"{PRESETS_FOLDER}/MEAD/neutral/{FEATURE_FOLDER}"

NAMES: tuple[str, ...] = (
    *dict.fromkeys(f.name for f in FILES),
    PRESETS_NAME,
    EVALUATION_NAME,
    *(f.name for f in EVALUATION_FILES),
)
#: A name of ``--only`` that stands for several. Faces are measured by YuNet's landmarks.
TOGETHER = {EVALUATION_NAME: ("yunet", *(f.name for f in EVALUATION_FILES))}
#: What an edit cannot do without.
REQUIRED = ("edtalk", "audio2lip", "connector")


def check_names(only: Iterable[str]) -> None:
    """Raises :class:`UsageError` for what is no name of ``--only``."""
    for name in only:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(NAMES)}"
            raise UsageError(f"no weights are called '{name}'", hint)
