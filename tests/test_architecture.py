"""The house keeps its shape: imports point one way, never in a circle; seams are not bypassed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "cmet_cli"
#: From the top down; a room may import those below it. Rooms in one row know nothing of each other
#: but what ALLOWED says.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("batch", "lab", "doctor", "bench"),
    ("editor",),
    ("reporting",),
    ("inspection", "evaluation", "provenance"),
    ("asking", "naming"),
    ("model",),
    ("pipeline",),
    ("emotion",),
    ("backends",),
    ("faces",),
    ("media", "weights"),
    ("__init__", "result", "batch_options"),
    ("options",),
    ("declared",),
    ("errors", "_version", "log", "cache", "lasting", "threads"),
)
ALLOWED = {
    ("weights", "media"),  # files that appear only when complete
}


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCES.rglob("*.py"):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "__init__"] = path
    return found


@lru_cache(maxsize=1)
def imports() -> dict[str, set[str]]:
    """Module -> modules it imports, anywhere in it (for type checking alone does not count)."""
    return {name: _imports_of(name, path) for name, path in modules().items()}


def _imports_of(name: str, path: Path) -> set[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [] if name == "__init__" else package
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            base = package[: len(package) - node.level + 1]
        elif module.split(".")[0] == "cmet_cli":
            base, module = [], module.partition(".")[2]
        else:
            continue
        whole = ".".join([*base, *([module] if module else [])])
        found |= {whole} | {f"{whole}.{a.name}".strip(".") for a in node.names}
    return {m for m in found if m in modules() and m != name}


def floor_of(module: str) -> int:
    room = module.split(".")[0]
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def test_every_module_lives_on_a_floor():
    assert {m.split(".")[0] for m in modules()} <= {room for rooms in FLOORS for room in rooms}


def test_imports_point_down():
    wrong = []
    for module, used in imports().items():
        for other in used:
            mine, theirs = module.split(".")[0], other.split(".")[0]
            down = floor_of(module) < floor_of(other)
            if not (mine == theirs or down or (mine, theirs) in ALLOWED):
                wrong.append(f"{module} -> {other}")
    assert wrong == []


def test_no_circles_lazy_imports_counted():
    graph = imports()

    def reach(start: str) -> set[str]:
        seen, todo = set(), list(graph[start])
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += graph[at]
        return seen

    # A package's own __init__ holds no code, so importing it is importing nothing.
    assert [m for m in graph if modules()[m].name != "__init__.py" and m in reach(m)] == []


#: All commands there are, made.
COMMANDS = "import cmet_cli.cli.commands as made; made.command_line()"


@pytest.mark.parametrize("start", ["import cmet_cli.editor", "import cmet_cli.batch.run", COMMANDS])
def test_the_tool_never_imports_the_lab(start):
    probe = f"import sys; {start}; print([m for m in sys.modules if m.startswith('cmet_cli.lab')])"
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == "[]"


#: What trains it, where its published files are listed, and the line that names the folder.
KNOW_THE_NAME = ("backends/edtalk/", "lab/", "cli/train.py", "weights/", "backends/loader.py")


def test_only_its_own_folder_knows_the_renderer():
    """Its name may stand in prose; no code outside may use it."""
    wrong = []
    for path in SOURCES.rglob("*.py"):
        place = path.relative_to(SOURCES).as_posix()
        if place.startswith(KNOW_THE_NAME):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [
                getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "module", ""),
                getattr(node, "name", ""),
            ]  # fmt: skip
            wrong += [f"{place}: {n}" for n in names if re.search("edtalk", str(n or ""), re.I)]
    assert wrong == []


#: Pictures, films and sounds that are this project's own, by where they are.
OWN_MEDIA = (
    "docs/sheet.png",
    "examples/neutral.mp4",
    "examples/wide.mp4",
    "examples/voices/",
    "weights/mini/portable/",
)
MEDIA = re.compile(r"\.(jpe?g|png|gif|webp|bmp|tiff?|mp4|mkv|mov|webm|wav|mp3|flac|onnx|whl)$")


def test_no_media_but_our_own_is_committed():
    """Real faces and voices are lent for looking at; a sheet made beside the code is soon added."""
    root = SOURCES.parents[1]
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    listed = ["git", "-C", str(root), "ls-files", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    assert len(names) > 100
    assert [n for n in names if MEDIA.search(n) and not n.startswith(OWN_MEDIA)] == []
