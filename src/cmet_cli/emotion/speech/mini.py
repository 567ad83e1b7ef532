"""The mini model's speech encoder behind the same interface as emotion2vec."""

from __future__ import annotations

import numpy as np
import torch

from ...media.mel import mel_spectrogram
from .speechnet import SpeechNet
from .tracks import speech_tracks


class MiniSpeechEncoder:
    """A :class:`SpeechNet` that takes waveforms."""

    def __init__(
        self, network: SpeechNet, device: torch.device | None = None, name: str = "mini"
    ) -> None:
        self._device = device or torch.device("cpu")
        self._network = network.to(self._device).eval()
        self.dim, self.name = network.config.dim, name

    @torch.inference_mode()
    def feature(self, wave: np.ndarray) -> np.ndarray:
        """16 kHz mono float32 ``[n]`` -> utterance feature float32 ``[dim]``."""
        heard = heard_in(torch.from_numpy(wave), self._network.config.tracks > 0)
        return self._network(heard[None].to(self._device))[0].float().cpu().numpy()


def heard_in(wave: torch.Tensor, tracks: bool) -> torch.Tensor:
    """What a :class:`SpeechNet` is given of a wave ``[n]``: ``[mel_bands (+ 9), 1 + n // 200]``."""
    sound = level_wave(wave)
    heard = mel_spectrogram(sound)
    return torch.cat([about_own_mean(heard), speech_tracks(sound)]) if tracks else heard


def about_own_mean(mel: torch.Tensor) -> torch.Tensor:
    """Without what a microphone or a room adds to a band all the time. ``[..., T]``."""
    return mel - mel.mean(-1, keepdim=True)


TARGET_RMS = 0.08
LOUDEST_GAIN = 100.0


def level_wave(wave: torch.Tensor) -> torch.Tensor:
    """Bring recordings to one loudness, so that a microphone's gain is no emotion. ``[n]``."""
    rms = wave.square().mean().sqrt().clamp_min(TARGET_RMS / LOUDEST_GAIN)
    return wave * (TARGET_RMS / rms)
