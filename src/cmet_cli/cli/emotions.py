"""``cmet emotions``: the emotions that have a name, and the user's own."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..emotion.named import NEUTRAL
from ..errors import UsageError
from ..options import ModelOptions, RuntimeOptions
from .console import print_json, print_warning, progress_bars
from .edit import FEW, STEADIER
from .params import Json, Overwrite, Quiet, takes_options

if TYPE_CHECKING:
    from ..emotion.presets import Known

emotions_app = typer.Typer(
    help="The emotions that have a name: list them, add your own.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)

Name = Annotated[str, typer.Argument(help="The emotion's name.")]
Clips = Annotated[
    list[Path], typer.Argument(help="Recordings with the emotion: files, or folders of them.")
]
Neutral = Annotated[
    list[Path] | None,
    typer.Option(
        "--neutral",
        "-n",
        help="The same voices speaking neutrally. Default: the neutral emotion that is known.",
    ),
]


@emotions_app.callback()
@takes_options
def listing(context: typer.Context, model: ModelOptions, json: Json = False) -> None:
    """List every name, where it comes from, and whether the model can show it."""
    if context.invoked_subcommand is not None:
        return
    known, usable, broken = _all(model)
    for message in broken:
        print_warning(message)
    rows = [_row(entry, entry.preset.name in usable) for entry in known]
    if json:
        print_json({"emotions": rows})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "can be asked for", "from", "recordings", "heard with")
    for row in rows:
        cells = (row[n] for n in ("name", "usable", "from", "about", "encoder"))
        table.add_row(*map(_words, cells), style="" if row["usable"] else "dim")
    Console().print(table)


@emotions_app.command("add")
@takes_options
def add(
    name: Name,
    clips: Clips,
    model: ModelOptions,
    runtime: RuntimeOptions,
    neutral: Neutral = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Give recordings a name: [bold]cmet emotions add weary clips/*.wav[/]"""
    from ..emotion.hearing import is_unlike
    from ..emotion.listen import UNLIKE
    from ..emotion.named import own_folder
    from ..emotion.presets import SUFFIX, check_name, make_preset, write_preset
    from ..emotion.speech.clips import expand_clips
    from ..media.files import check_output
    from ..model import load_model

    path = own_folder() / f"{check_name(name)}{SUFFIX}"
    _refuse_taken(name, model)
    heard = expand_clips(clips, "emotion audio")
    plain = expand_clips(neutral, "neutral audio") if neutral else []
    path.parent.mkdir(parents=True, exist_ok=True)
    check_output(path, overwrite=overwrite, inputs=(*heard, *plain))
    loaded = load_model(model.weights_dir, model.model, runtime)
    ear = loaded.listener.ear
    with progress_bars(quiet) as progress:
        preset = make_preset(name, heard, ear.encoder, neutral=plain, progress=progress)
    write_preset(preset, path, overwrite=overwrite)
    if name == NEUTRAL:
        print_warning("every emotion is compared with this from now on; `remove` undoes it")
    if preset.count < FEW:
        print_warning(f"{name} {STEADIER}")
    if loaded.weights.own_ear and loaded.open_ear is None and is_unlike(preset.mean, ear.presets):
        print_warning(UNLIKE)
    typer.echo(f"{path}  {preset.count} recordings, heard with {preset.encoder}")


@emotions_app.command("show")
@takes_options
def show(name: Name, model: ModelOptions, json: Json = False) -> None:
    """Everything that is known of a name, and which others it is most alike."""
    known, usable, _ = _all(model)
    rows = [_row(e, name in usable) for e in known if e.preset.name == name]
    if not rows:
        near = difflib.get_close_matches(name, [e.preset.name for e in known], 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"no emotion is called '{name}'", hint + "`cmet emotions` lists them")
    rows[0]["alike"] = _alike(name, model) if name in usable else {}
    if json:
        print_json(rows[0])
        return
    for key, value in rows[0].items():
        typer.echo(f"{key:11} {_words(value)}")


@emotions_app.command("remove")
def remove(name: Name) -> None:
    """Forget one of your own."""
    path = _own_file(name)
    path.unlink()
    typer.echo(f"removed {path}")


@emotions_app.command("export")
def export(
    name: Name,
    output: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write one of your own as a file for somebody else. It holds no sound."""
    from ..emotion.presets import SUFFIX, read_preset, write_preset
    from ..media.files import check_output

    preset = read_preset(_own_file(name))
    if output.suffix != SUFFIX:
        raise UsageError(f"an emotion is written as {SUFFIX}: {output}")
    check_output(output, overwrite=overwrite)
    write_preset(preset, output, overwrite=overwrite)
    typer.echo(str(output))


@emotions_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that `cmet emotions export` wrote.")],
    name: Annotated[str | None, typer.Option(help="Another name for it.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Take over an emotion that somebody else has made."""
    from dataclasses import replace

    from ..emotion.named import own_folder
    from ..emotion.presets import SUFFIX, Known, Presets, read_preset, write_preset
    from ..media.ffmpeg import check_input
    from ..media.files import check_output

    check_input(file, "emotion")
    preset = read_preset(file)
    preset = replace(preset, name=name or preset.name)
    if preset.name == NEUTRAL:
        raise UsageError(
            f"{file}: is called {NEUTRAL}, and every emotion would be compared with it",
            "give it a --name, or `cmet emotions add neutral` from recordings of your own",
        )
    _refuse_taken(preset.name, ModelOptions())
    others = [entry for entry in _all(ModelOptions())[0] if entry.origin != "yours"]
    presets = Presets([Known(preset, "yours"), *others], preset.encoder)
    if preset.name not in presets.by_name:
        raise UsageError(
            f"{file}: is no emotion of {preset.encoder}, as it says: its features are not "
            f"{presets.dim} numbers",
            "ask who made it",
        )
    path = own_folder() / f"{preset.name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    check_output(path, overwrite=overwrite, inputs=(file,))
    write_preset(preset, path, overwrite=overwrite)
    typer.echo(f"{path}  {preset.count} recordings, heard with {preset.encoder}")


def _refuse_taken(name: str, model: ModelOptions) -> None:
    """A name that comes with a model keeps its meaning; neutral is anybody's to add."""
    known, _, _ = _all(model)
    if any(e.preset.name == name and e.origin != "yours" and name != NEUTRAL for e in known):
        raise UsageError(
            f"'{name}' is a name that comes with the model", f"choose another, such as my_{name}"
        )


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return str(value)


def _own_file(name: str) -> Path:
    from ..emotion.named import own_folder
    from ..emotion.presets import SUFFIX, check_name

    path = own_folder() / f"{check_name(name)}{SUFFIX}"
    if not path.is_file():
        raise UsageError(
            f"no emotion of your own is called '{name}' (looked in {path.parent})",
            "`cmet emotions` lists them; those of a model cannot be changed",
        )
    return path


def _all(model: ModelOptions) -> tuple[list[Known], set[str], list[str]]:
    """Every preset on this machine, the names that the model can show, and broken files."""
    from ..emotion.presets import names_for, own_presets, published_presets, shipped_presets
    from ..weights.folder import find_weights

    weights = find_weights(model.weights_dir, model.model)
    own, broken = own_presets()
    published = published_presets(weights.presets) if weights.presets else []
    known = [*own, *shipped_presets(weights), *published]
    return known, set(names_for(weights).names), broken


def _row(entry: Known, usable: bool) -> dict[str, object]:
    preset = entry.preset
    return {
        "name": preset.name,
        "from": entry.origin,
        "recordings": preset.count,
        "encoder": preset.encoder,
        "about": preset.about,
        "usable": usable,
        "file": str(entry.file or ""),
    }


def _alike(name: str, model: ModelOptions) -> dict[str, float]:
    from ..emotion.hearing import likeness
    from ..emotion.presets import presets_for
    from ..emotion.speech.choose import encoder_name
    from ..weights.folder import find_weights

    weights = find_weights(model.weights_dir, model.model)
    presets = presets_for(weights, encoder_name(weights))
    if name not in presets.names:
        return {}
    found = likeness(presets.direction(name), presets, [n for n in presets.names if n != name])
    return {n: round(v, 2) for n, v in sorted(found.items(), key=lambda kv: -kv[1])[:3]}
