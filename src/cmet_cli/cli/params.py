"""Parameters that several commands share, and options classes as command parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import typer

from ..declared import Declared, declared
from ..errors import UsageError
from .console import State

OUTPUT = "Output"


def _set_verbose(wanted: bool) -> bool:
    State.verbose = wanted
    if wanted:
        import logging

        logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
        logging.getLogger("cmet_cli").setLevel(logging.DEBUG)
    return wanted


def _set_json(wanted: bool) -> bool:
    State.json = wanted
    return wanted


Json = Annotated[
    bool,
    typer.Option("--json", callback=_set_json, help="One JSON object.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        callback=_set_verbose,
        help="The library's log, and tracebacks for errors.",
        rich_help_panel=OUTPUT,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what exists.", rich_help_panel=OUTPUT)
]
WeightsDir = Annotated[
    Path | None, typer.Option("--weights-dir", help="Folder with the model weights.")
]

#: Options of an edit that a look at a video's own picture has no use for.
NOT_SHOWN = (
    *("speech", "fit", "lips", "identity_image"),
    *("save_codes", "sidecar", "sign_cert", "sign_key"),
)

Command = TypeVar("Command", bound=Callable[..., Any])


class FlagsOf:
    """Marks a parameter as the declared options of a class that needs more than flags to be made:
    the command gets them as a dict."""

    def __init__(self, options: type) -> None:
        self.options = options


class Without:
    """Marks a parameter as the declared options of a class but for some, of which the command can
    make no use."""

    def __init__(self, *names: str) -> None:
        self.names = names


class _Group(NamedTuple):
    """What stands for a parameter: the fields that become flags, and what is made of them."""

    fields: list[Declared]
    make: Callable[..., Any]


def takes_options(command: Command) -> Command:
    """Let a command take options objects: each such parameter becomes the flags of its fields.

    ``def edit(video: ..., options: EditOptions)`` is called by Typer with ``--intensity`` and the
    rest, and gets them as one checked object. Raises :class:`UsageError` for values out of range.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {n: made for n, hint in hints.items() if n != "return" and (made := _group(hint))}
    parameters, annotations = [], {}
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            parameters.append(
                parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
            )
            annotations[name] = hints[name]
            continue
        for field in groups[name].fields:
            parameters.append(_parameter(field))
            annotations[field.name] = parameters[-1].annotation

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        objects = {}
        for name, (fields, make) in groups.items():
            objects[name] = make(**{f.name: _value(f, values.pop(f.name)) for f in fields})
        return command(**values, **objects)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = annotations
    del run.__wrapped__  # Typer would look through it at the command's own annotations
    return run  # type: ignore[return-value]


def _group(hint: Any) -> _Group | None:
    """None for a parameter that is no options class."""
    notes = getattr(hint, "__metadata__", ())
    for note in notes:
        if isinstance(note, FlagsOf):
            return _Group(list(declared(note.options).values()), dict)
    left_out = {name for note in notes if isinstance(note, Without) for name in note.names}
    kind = getattr(hint, "__origin__", hint) if left_out else hint
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return None
    fields = declared(kind)
    assert left_out <= fields.keys()
    return _Group([f for name, f in fields.items() if name not in left_out], kind)


def _parameter(field: Declared) -> inspect.Parameter:
    """One flag. What may be read in several ways (``2`` or ``all``) comes as text."""
    several = len(field.kinds) > 1
    kind = str if several else field.kinds[0]
    if field.option.several:
        kind = list[str]
    names = [field.flag, *([field.option.short] if field.option.short else [])]
    if kind is bool and field.default:
        names[0] += f"/--no-{field.flag[2:]}"
    option = typer.Option(*names, help=field.option.help, rich_help_panel=field.option.panel)
    optional = field.default is None or field.option.several
    annotation = Annotated[kind | None if optional else kind, option]  # type: ignore[valid-type]
    default = field.default if optional or not several else str(field.default)
    default = None if field.option.several else default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _value(field: Declared, given: Any) -> Any:
    if field.option.several:
        return ",".join(given) if given else field.default
    if len(field.kinds) == 1 or not isinstance(given, str):
        return given
    try:
        return field.parse(given)
    except UsageError as error:
        raise UsageError(f"{field.flag}: {error.message}") from error
