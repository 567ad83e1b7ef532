"""Tiny networks of the real classes."""

from __future__ import annotations

from cmet_cli.backends.edtalk.audio2lip import Audio2Lip, Audio2LipConfig
from cmet_cli.backends.edtalk.connector import Connector, ConnectorConfig
from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig
from cmet_cli.emotion.speech.speechnet import SpeechNet, SpeechNetConfig

TINY = {
    "edtalk": EDTalkConfig(channels=(8, 8, 8, 8), latent_dim=40, expression_hidden=8),
    "audio2lip": Audio2LipConfig(channels=(4, 4, 8, 8, 8)),
    "connector": ConnectorConfig(width=16, layers=1, heads=2, feedforward=16, speech_dim=12),
    "speech": SpeechNetConfig(channels=(8, 8), dim=12),
}
TINY_CLASSES = {
    "edtalk": EDTalk, "audio2lip": Audio2Lip, "connector": Connector, "speech": SpeechNet
}  # fmt: skip
