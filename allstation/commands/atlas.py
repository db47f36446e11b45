"""``allstation atlas``: the laboratory's reference atlas of reviewed fields."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say, say_lines
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.text import shown_name
from allstation.services.atlas import add_to_atlas
from allstation.services.settings import SettingsFile
from allstation.store.atlas import Atlas


def run(options: argparse.Namespace) -> int:
    """Do the chosen action.

    Returns:
        ``SOME_FAILED`` when fields could not be added, named on stderr.

    Raises:
        StationError: ``no-atlas`` if none was named or chosen; what :func:`add_to_atlas` and
            :meth:`Atlas.fields` raise.
    """
    settings = SettingsFile(paths.config_folder())
    if options.action == "use":
        folder = options.folder.absolute()
        Atlas(folder).fields()
        settings.change(atlas_folder=str(folder))
        say(f"The reference atlas is {shown_name(folder)}.")
        return DONE
    folder = _folder(options.atlas, settings)
    if options.action == "list":
        fields = [
            {
                "class": one.reviewed.class_name,
                "reviewer": one.reviewed.reviewer,
                "reviewed": one.reviewed.at,
                "sha256": one.reviewed.sha256,
                "picture": one.path.name,
            }
            for one in Atlas(folder).fields()
        ]
        say_lines(json_text({"atlas": str(folder), "fields": fields}))
        return DONE
    return _add(options.cases, folder, settings)


def _folder(named: Path | None, settings: SettingsFile) -> Path:
    if named is not None:
        return named.absolute()
    if not settings.value.atlas_folder:
        sentence = "No reference atlas was chosen. Name it with --atlas, or: allstation atlas use FOLDER."
        raise StationError("no-atlas", sentence)
    return Path(settings.value.atlas_folder)


def _add(cases: list[Path], folder: Path, settings: SettingsFile) -> int:
    status = DONE
    for case in cases:
        made = add_to_atlas(case, folder, limits=settings.value.limits)
        for problem in made.problems:
            say(f"allstation: {shown_name(problem.name)}: {problem.sentence}", error=True)
            status = SOME_FAILED
        say(f"{shown_name(case.name)}: {made.added} added, {made.present} were in the atlas already.")
    return status
