"""The data sets that can be prepared, and what is particular to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..layout import TEST_IDENTITIES, ClipKey
from . import crema_d_tree, mead_tree
from .source import Found


@dataclass(frozen=True)
class DataSet:
    """name: as the command has it; find: its clips; key_of: the clip that a path names; layout:
    what is expected on disk; tests: identities to test on, None for all of them;
    numbers_tell_sentences: whether a file's name says which sentence it holds; published_edits: how
    many the paper evaluates; rule: how edits are made here, for the report."""

    name: str
    find: Callable[[Path], Found]
    key_of: Callable[[str], ClipKey | None]
    layout: str
    tests: tuple[str, ...] | None
    numbers_tell_sentences: bool
    published_edits: int
    rule: str


MEAD = DataSet(
    "mead",
    mead_tree.find_mead,
    mead_tree.clip_key,
    mead_tree.LAYOUT,
    TEST_IDENTITIES,
    numbers_tell_sentences=False,
    published_edits=1143,
    rule="the 13 published neutral sentences (001-003, 031-040) of each test identity, to every "
    "emotion and level that the identity shows: 1,092 at most. The published "
    "1,143 are listed in the authors' dataset/MEAD/test.csv (give it with --edits): they pair "
    "neutral 030 with 020 too and lack what was missing in the authors' copy, which they had "
    "renumbered by ear.",
)
CREMA_D = DataSet(
    "crema-d",
    crema_d_tree.find_crema_d,
    crema_d_tree.clip_key,
    crema_d_tree.LAYOUT,
    None,
    numbers_tell_sentences=True,
    published_edits=1546,
    rule="every neutral clip to every clip of the same actor and sentence with another emotion: "
    "6,370 at most. The published 1,546 are a part of them that follows no rule "
    "stated anywhere; they are listed in the authors' dataset/CREMA_D/test.csv (give it with "
    "--edits).",
)
DATASETS = {one.name: one for one in (MEAD, CREMA_D)}
