"""Every error this package raises on purpose: what happened, what to do, and the exit code.

The command line prints ``message`` and ``hint`` and exits with ``exit_code``; library users catch
:class:`CmetError` or one of its kinds.
"""

from __future__ import annotations


def one_line(text: str) -> str:
    """With line breaks, control characters and undecodable bytes of file names written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class CmetError(Exception):
    """A failed run. ``message`` says what and where, ``hint`` what to do next (may be empty).

    transient: the same thing, tried again, may well succeed.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, transient: bool = False) -> None:
        message = one_line(message)
        super().__init__(message)
        self.message = message
        self.hint = one_line(hint)
        self.transient = transient

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(CmetError):
    """The request itself is wrong: a missing file, a bad number, an option that does not fit."""

    exit_code = 2


class MediaError(CmetError):
    """A video, image or sound could not be read, or an output could not be written."""


class WeightsError(CmetError):
    """Model weights are missing, damaged, or not what they should be."""


class OtherModelError(WeightsError):
    """The folder that was named is not one for what is asked: no download mends that."""


class CheckpointError(WeightsError):
    """A checkpoint file was refused: wrong kind, wrong tensors, or unsafe content."""


class HubError(WeightsError):
    """The model hub could not be reached, or did not have what was asked for."""


class DeviceError(UsageError):
    """The asked-for compute device does not exist here."""


class FaceError(CmetError):
    """No usable face was found."""
