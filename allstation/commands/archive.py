"""``allstation archive``: any number of slides into cases or one Parquet data set."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, WRONG_USAGE
from allstation.commands.executors import cluster_of, make_executor
from allstation.commands.makers import name_unknown_maker
from allstation.commands.printing import note, say
from allstation.commands.progress import ProgressLine
from allstation.commands.slide_arguments import EVERYTHING
from allstation.core.errors import StationError
from allstation.core.known_sizes import KnownSizes
from allstation.core.limits import DecodeLimits
from allstation.core.tables import guarded
from allstation.core.text import shown_name, storable
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.processing.archive.manifest import CASES, ERRORS, PARQUET, Manifest
from allstation.processing.archive.slides import ArchiveSlide, find_slides
from allstation.processing.slide_import import SlideOptions
from allstation.services.settings import SettingsFile

if TYPE_CHECKING:
    from allstation.core.site import Site
    from allstation.processing.batch import FieldExecutor

_NAMED: Final = 20
_LANES: Final = 3
"""Slides under way at a time on a cluster: the end of one and the beginning of the next overlap."""


def run(options: argparse.Namespace) -> int:
    """Make, continue or verify an archive.

    Returns:
        0 when every field is done, 1 when some were refused or failed, 2 when there was none.
    """
    if options.verify is not None:
        return _verify(options.verify)
    if not options.folders or options.out is None:
        sentence = "Name folders of slides and --out DIR, or --verify DIR."
        raise StationError("wrong-usage", sentence)
    if options.parquet:
        from allstation.processing.archive.parquet import require_pyarrow

        require_pyarrow()
    bundle = ModelBundle.open(options.model or default_bundle_path())
    name_unknown_maker(bundle)
    out = options.out.absolute()
    form = PARQUET if options.parquet else CASES
    manifest = Manifest.begin(out, form=form, model=bundle.sha256)
    archive = _Archive(manifest, bundle, options)
    complete = False
    try:
        archive.make()
        complete = True
    finally:
        manifest.close(complete=complete)
    return archive.status()


class _Archive:
    """One run of the command."""

    def __init__(self, manifest: Manifest, bundle: ModelBundle, options: argparse.Namespace) -> None:
        self._manifest = manifest
        self._bundle = bundle
        self._options = options
        self._limits: DecodeLimits = SettingsFile(paths.config_folder()).value.limits
        self._wanted = SlideOptions(options.fields, pages=options.pages == EVERYTHING, hashed=False)
        self._line = ProgressLine(0)
        self._finished = self._troubles = 0
        self._errors = manifest.folder / ERRORS

    def make(self) -> None:
        """Make what is not made yet."""
        total = sum(slide.expected(self._wanted) for slide in self._todo())
        held = len(self._manifest.entries)
        if held:
            say(f"{_are(held, 'slide')} done already; {_are(total, 'field')} left")
        if not total:
            return
        self._line = ProgressLine(total)
        try:
            with _executor(self._bundle, self._options, self._limits, self._site()) as (executor, lanes):
                if self._manifest.form == PARQUET:
                    self._tables(executor)
                else:
                    self._cases(executor, lanes)
        finally:
            self._line.close()

    def _todo(self) -> Iterator[ArchiveSlide]:
        for slide in find_slides(self._options.folders, outside=self._manifest.folder, options=self._wanted):
            known = self._manifest.entries.get(slide.key)
            if known is None or known.state != slide.state:
                yield slide

    def _site(self) -> Site | None:
        if not self._options.site:
            return None
        from allstation.store.site.library import SiteLibrary

        return SiteLibrary(paths.config_folder()).get(self._options.site)

    def _tables(self, executor: FieldExecutor) -> None:
        from allstation.processing.archive.tables import TableStream

        TableStream(
            self._manifest.folder,
            self._bundle.classes,
            executor,
            limits=self._limits,
            finished=self._manifest.add,
            progressed=self._progressed,
            trouble=self._trouble,
            slides=self._wanted,
        ).run(self._todo())

    def _cases(self, executor: FieldExecutor, lanes: int) -> None:
        from allstation.processing.archive.cases import SlideCases

        cases = SlideCases(
            self._manifest.folder,
            self._bundle,
            executor,
            limits=self._limits,
            site=self._site(),
            progressed=self._progressed,
            trouble=self._trouble,
            slides=self._wanted,
        )
        todo = self._todo()
        with ThreadPoolExecutor(lanes, thread_name_prefix="slide") as pool:
            first = [slide for _, slide in zip(range(lanes), todo, strict=False)]
            under_way = {pool.submit(cases.make, slide) for slide in first}
            while under_way:
                done = next(as_completed(under_way))
                under_way.discard(done)
                self._manifest.add(done.result())
                slide = next(todo, None)
                if slide is not None:
                    under_way.add(pool.submit(cases.make, slide))

    def _progressed(self, fields: int) -> None:
        self._finished += fields
        self._line.update(min(self._finished, self._line.total))

    def _trouble(self, slide: str, path: Path, code: str, sentence: str) -> None:
        """List a field that was refused or failed; the first ones are printed too."""
        self._troubles += 1
        new = not self._errors.exists()
        with self._errors.open("a", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if new:
                table.writerow(["slide", "path", "code", "sentence"])
            table.writerow([guarded(storable(text)) for text in (slide, str(path), code, sentence)])
        if self._troubles <= _NAMED:
            say(f"failed   {shown_name(str(path))}: {sentence}", error=True)

    def status(self) -> int:
        """Print what came of it and return the exit status."""
        entries = self._manifest.entries.values()
        fields, done = sum(one.fields for one in entries), sum(one.done for one in entries)
        refused = sum(one.refused for one in entries)
        if not entries:
            say("no fields found")
            return WRONG_USAGE
        slides = _of(len(entries), "slide")
        say(f"{slides}, {_of(fields, 'field')}, {done} done, {fields - done} failed, {refused} refused")
        if self._troubles > _NAMED:
            note(f"all of them are listed in {shown_name(str(self._errors))}")
        return DONE if done == fields and not refused else SOME_FAILED


@contextmanager
def _executor(
    bundle: ModelBundle, options: argparse.Namespace, limits: DecodeLimits, site: Site | None
) -> Iterator[tuple[FieldExecutor, int]]:
    """Make the one executor of all slides; yields it and how many slides go at a time."""
    with cluster_of(options) as cluster:
        executor = make_executor(
            bundle,
            cluster,
            threads=options.threads,
            limits=limits,
            sizes=KnownSizes(site=site),
            cells=not options.parquet,
        )
        try:
            yield executor, 1 if cluster is None else _LANES
        finally:
            executor.close()


def _verify(folder: Path) -> int:
    from allstation.processing.archive.verify import signer_of, verify_archive

    good = bad = fields = 0
    for entry, problem in verify_archive(folder):
        if problem:
            bad += 1
            say(f"BAD      {shown_name(entry.slide) + ': ' if entry else ''}{problem}", error=True)
        elif entry is not None:
            good, fields = good + 1, fields + entry.fields
    verb = "is" if good == 1 else "are"
    whole = f"{_of(good, 'slide')} with {_of(fields, 'field')} {verb} as the manifest says"
    say(whole + (f"; {_of(bad, 'problem')}" if bad else ""))
    say(signer_of(folder))
    return SOME_FAILED if bad else DONE


def _of(number: int, word: str) -> str:
    """Return a number with its word: ``1 slide``, ``3 slides``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _are(number: int, word: str) -> str:
    """Return a number with its word and verb: ``1 slide is``, ``3 slides are``."""
    return f"{_of(number, word)} {'is' if number == 1 else 'are'}"
