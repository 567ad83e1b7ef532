"""Stand-in checkpoints in the published layout: real file structure, filled weights.

``python tests/standin.py DIR`` writes a full-size folder to try the tool with (about 1 GB).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import filling
import torch

from cmet_cli.weights.registry import FILES, SPEECH_FOLDER

CONFIG = filling.DATA / "emotion2vec_config.yaml"


def published_path(name: str) -> str:
    return next(f for f in FILES if f.name == name).local_published


def trainer_args() -> argparse.Namespace:
    """What the published trainers pickle beside the tensors."""
    return argparse.Namespace(lr=1e-4, exp_name="standin", size=256)


def checkpoint(name: str, salt: str = "cmet") -> dict:
    """One checkpoint's content, with the entries that are not tensors of the network too."""
    step = {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}
    if name == "edtalk":
        state = filling.filled_state("EDTalk.pt", salt)
        discriminator = {"final.weight": torch.zeros(2, 2)}
        return {
            "gen": state, "dis": discriminator, "g_optim": step, "d_optim": step,
            "args": trainer_args(),
        }  # fmt: skip
    if name == "audio2lip":
        return {"audio2lip": filling.filled_state("Audio2Lip.pt", salt), "args": trainer_args()}
    state = filling.filled_state("connector", salt)
    return {"state_dict": state, "optimizer": step, "global_step": 7, "global_epoch": 1}


def write_checkpoint(folder: Path, name: str, salt: str = "cmet") -> Path:
    path = folder / published_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint(name, salt), path)
    return path


def speech_config(embed_dim: int = 1024, depth: int = 8, prenet_depth: int = 4) -> dict:
    """The published topology, or the same with less of it. Heads follow the width."""
    from omegaconf import OmegaConf

    config = OmegaConf.to_container(OmegaConf.load(CONFIG))
    model = config["model_conf"]
    audio = model["modalities"]["audio"]
    model["embed_dim"], model["depth"], audio["prenet_depth"] = embed_dim, depth, prenet_depth
    model["num_heads"] = audio["num_alibi_heads"] = max(1, embed_dim // 64)
    audio["model_depth"] = depth
    return config


def write_speech_folder(folder: Path, **sizes: int) -> Path:
    """A FunASR folder with random weights under the published names (``d2v_model.`` prefix)."""
    from omegaconf import OmegaConf

    from cmet_cli.emotion.speech.emotion2vec import quiet_funasr

    folder.mkdir(parents=True, exist_ok=True)
    config = speech_config(**sizes)
    OmegaConf.save(config, folder / "config.yaml")
    shutil.copy(filling.DATA / "emotion2vec_tokens.txt", folder / "tokens.txt")
    (folder / "configuration.json").write_text('{"framework": "pytorch"}')
    with quiet_funasr():
        from funasr import AutoModel

        built = AutoModel(
            model="Emotion2vec", model_conf=config["model_conf"], device="cpu",
            ncpu=torch.get_num_threads(), disable_update=True, disable_log=True,
        )  # fmt: skip
    state = {f"d2v_model.{k}": v for k, v in built.model.state_dict().items() if "decoder" not in k}
    state["d2v_model.proj.weight"] = torch.zeros(9, config["model_conf"]["embed_dim"])
    torch.save({"model": state}, folder / "model.pt")
    return folder


def write_folder(root: Path, salt: str = "cmet", **speech_sizes: int) -> Path:
    """A whole weights folder in the published layout."""
    for name in ("edtalk", "audio2lip", "connector"):
        write_checkpoint(root, name, salt)
    write_speech_folder(root / SPEECH_FOLDER, **speech_sizes)
    return root


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]))
