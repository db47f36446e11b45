"""Makes cases of folders without opening them: one case a folder, its fields waiting to be classified."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from allstation import paths
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.records import UNPACKED
from allstation.core.text import shown_name
from allstation.files import free_path
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportOptions, batches
from allstation.processing.slide_import import NewSlide
from allstation.processing.status_types import Problem
from allstation.store.case import SUFFIX, Case
from allstation.store.site.library import SiteLibrary


@dataclass(frozen=True, slots=True)
class MadeCases:
    """Cases that were made of folders.

    Attributes:
        cases: Case folders, in the order of the folders.
        fields: Fields in them.
        problems: Why something could not be made or added.
        stopped: It was stopped; folders that had not begun have no case.
    """

    cases: tuple[Path, ...] = ()
    fields: int = 0
    problems: tuple[Problem, ...] = ()
    stopped: bool = False


def make_cases(
    folders: Sequence[Path],
    home: Path,
    *,
    limits: DecodeLimits | None = None,
    stopping: threading.Event | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> MadeCases:
    """Make a case of each folder, named after it, at the site that was used last.

    Args:
        folders: Folders of fields.
        home: Where the cases are made.
        limits: Of what is read.
        stopping: When set, the folder under way ends with what was added so far.
        progress: Told of folders that are done, and how many there are.
    """
    halt = stopping or threading.Event()
    made: list[Path] = []
    problems: list[Problem] = []
    fields = 0
    for done, folder in enumerate(folders):
        progress(done, len(folders))
        if halt.is_set():
            break
        try:
            target = free_path(home, folder.name or "Case", SUFFIX)
            with Case.create(target) as case:
                made.append(target)
                case.site.set(SiteLibrary(paths.config_folder()).last_used())
                status = _fill(case, folder, ImportOptions(limits=limits or DecodeLimits()), halt)
        except StationError as error:
            problems.append(Problem.of(error, folder.name))
        else:
            fields += status[0]
            problems += status[1]
    return MadeCases(tuple(made), fields, tuple(problems), halt.is_set())


def _fill(
    case: Case, folder: Path, options: ImportOptions, halt: threading.Event
) -> tuple[int, tuple[Problem, ...]]:
    """Add what lies in a folder; returns how many fields there are, and what was refused."""
    progress = ImportProgress()
    known = case.slide_files
    for found in batches([folder], halt, unpack_to=case.folder / UNPACKED, options=options, known=known):
        if isinstance(found, NewSlide):
            progress.add_slide(case, found)
        else:
            progress.add(case, found)
    status = progress.status(running=False)
    problems = status.refused
    if not status.added and not problems and not halt.is_set():
        sentence = f"{shown_name(folder.name)} holds no field that can be read, so its case is empty."
        problems = (Problem("no-fields", sentence, folder.name),)
    return status.added, problems
