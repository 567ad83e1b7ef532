"""Evaluations as one self-contained page."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from ..media.files import atomic_path
from .marks import MARKS, shown, summed
from .protocol import PAPER, ProtocolReport, about
from .table import Compared

TEMPLATE = "evaluate.html.j2"


def write_page(
    compared: Compared,
    output: Path,
    *,
    overwrite: bool,
    protocol: ProtocolReport | None = None,
) -> None:
    """Raises :class:`UsageError` where the output exists."""
    templates = FileSystemLoader(Path(__file__).parent)
    template = Environment(loader=templates, autoescape=True).get_template(TEMPLATE)
    evaluations = compared.found
    page = template.render(
        marks=MARKS,
        pairs=evaluations,
        means=summed(evaluations),
        shown=shown,
        protocol=protocol,
        about=about,
        paper=PAPER,
        failed=compared.failed,
    )
    with atomic_path(output, overwrite=overwrite) as part:
        part.write_text(page, "utf-8")
