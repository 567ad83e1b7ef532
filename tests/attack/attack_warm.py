"""Imported once in the server that every child is forked from: all that an edit imports late.

Not the Hub client: it reads the environment when it is imported, and that is a case's own.
"""

# ruff: noqa: F401
import scipy.interpolate
import scipy.signal
import torch

import cmet_cli.backends.edtalk.load
import cmet_cli.batch.run
import cmet_cli.cli.app
import cmet_cli.cli.commands
import cmet_cli.doctor
import cmet_cli.editor
import cmet_cli.emotion.speech.mini
import cmet_cli.pipeline.numbered_faces
from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig

cmet_cli.cli.commands.command_line()
with torch.device("meta"):  # loads torch's stand-ins for operations, a second's work
    EDTalk(EDTalkConfig(channels=(8, 8, 8, 8), latent_dim=40, expression_hidden=8))
