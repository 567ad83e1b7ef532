"""What there is to say about an edit, from its reading and its request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..asking import Wanted, in_words
from ..emotion.listen import Asked
from ..emotion.source import NoChange
from ..errors import FaceError
from ..model import Model
from ..pipeline.codes import change_for, edit_codes
from ..pipeline.read import VideoReading
from .page import Inspection, Moment


def inspection(
    reading: VideoReading,
    wanted: Wanted,
    asked: Asked,
    model: Model,
    moments: Sequence[Moment],
) -> Inspection:
    """Raises :class:`FaceError` where the video shows no face."""
    info, faces, options = reading.info, reading.faces, wanted.options
    if not reading.people:
        raise FaceError(f"{info.path}: no face to look inside")
    face, part = reading.people[0], model.backend.layout.expression_slice
    change: np.ndarray | None = None
    if not isinstance(asked.source, NoChange):
        change_wanted = change_for(asked.source, options, faces.timeline)
        edited = edit_codes(face, faces.timeline, change_wanted, model.backend.layout)
        change = edited.codes[:, part] - face.codes[:, part]
    facts = [
        ("video", f"{info.width}x{info.height}, {len(faces.ticks)} frames"),
        ("length", f"{faces.timeline.duration_s:.2f} s"),
        ("faces", f"{len(faces.people)}, found by {faces.detector}"),
        ("model", model.backend.name),
    ]
    if change is not None:
        facts.append(("asked for", f"{in_words(wanted)} at intensity {options.intensity:g}"))
    if asked.neutral_from:
        facts.append(("compared with", asked.neutral_from))
    return Inspection(
        title=info.path.name,
        facts=facts,
        times_s=faces.timeline.times_s,
        codes=face.codes[:, part],
        change=change,
        moments=moments,
        heard=str(asked.heard) if asked.heard.shares else "",
        likeness=asked.heard.likeness,
        warnings=(*reading.warnings, *asked.warnings),
    )
