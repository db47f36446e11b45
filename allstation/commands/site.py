"""``allstation site``: microscope, camera, objective and stain of a laboratory; JSON out."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from allstation import paths
from allstation.commands import DONE, SOME_FAILED, site_statistics_arguments
from allstation.commands.printing import say, say_lines
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.site import PixelSize, ScaleSource, Site, new_id
from allstation.core.text import shown_name
from allstation.services.settings import SettingsFile
from allstation.store.case import SUFFIX, Case
from allstation.store.database import holds_case
from allstation.store.site.library import SiteLibrary


def run(options: argparse.Namespace) -> int:
    """Do the chosen action.

    Returns:
        ``SOME_FAILED`` when fields could not be measured, named on stderr.

    Raises:
        StationError: If a site is unknown, a case cannot be written, or no field could be measured.
    """
    if options.action in site_statistics_arguments.ACTIONS:
        from allstation.commands import site_statistics

        return site_statistics.run(options)
    library = SiteLibrary(paths.config_folder())
    if options.action == "list":
        last = library.last_used()
        _print({"sites": [one.to_json() for one in library.all()], "last": last.id if last else ""})
        return DONE
    if options.action == "measure":
        return _measure(options, library)
    if options.action == "use":
        _use(options, library)
        return DONE
    if options.action == "show":
        _print(library.get(options.id).to_json())
        return DONE
    site = _added(options, library) if options.action == "add" else _edited(library.get(options.id), options)
    library.save(site)
    _print(site.to_json())
    return DONE


def _print(value: object) -> None:
    say_lines(json_text(value))


def _added(options: argparse.Namespace, library: SiteLibrary) -> Site:
    taken = [one.id for one in library.all()]
    if options.id in taken:
        sentence = f"There is a site {options.id!r} already. Choose another --id, or change it with edit."
        raise StationError("site-exists", sentence)
    return _edited(Site(id=options.id or new_id(options.name, taken), name=options.name), options)


def _edited(site: Site, options: argparse.Namespace) -> Site:
    keys = ("name", "microscope", "camera", "objective", "stain")
    texts = {key: getattr(options, key).strip() for key in keys if getattr(options, key) is not None}
    site = replace(site, **texts)
    if options.bundle is not None:
        from allstation.inference.bundle import ModelBundle

        site = replace(site, bundle_sha256=ModelBundle.open(options.bundle).sha256)
    if options.pixel_size is None:
        if options.frame is not None:
            raise StationError("no-pixel-size", "A frame size was named without a --pixel-size. Name both.")
        return site
    size = PixelSize(size=options.pixel_size, source=ScaleSource.TYPED, frame=options.frame)
    return site.with_pixel_size(size)


def _use(options: argparse.Namespace, library: SiteLibrary) -> None:
    if bool(options.id) == options.none:
        raise StationError("no-site", "Name the ID of a site, or --none.")
    site = None if options.none else library.get(options.id)
    with Case.open(options.case) as case:
        if case.read_only:
            raise StationError("case-held", f"The case cannot be changed. {case.why_read_only}")
        case.site.set(site)
        name = case.name
    library.use(options.id)
    _print({"case": name, "site": None if site is None else site.to_json()})


def _measure(options: argparse.Namespace, library: SiteLibrary) -> int:
    """Measure fields slide by slide, compare with the site, and keep what the site lacks."""
    from allstation.imaging.fields.file import read_field
    from allstation.imaging.fields.site_measure import completed, measure_field, pooled_optics, with_white

    fields, case_site = _fields(options.paths)
    site = library.get(options.site) if options.site else case_site
    if options.save and site is None:
        raise StationError("no-site", "Name the site that is to be kept: --site ID.")
    limits = SettingsFile(paths.config_folder()).value.limits
    slides, refused = defaultdict(list), 0
    for slide, path in fields:
        try:
            slides[slide].append(measure_field(read_field(path, limits)))
        except StationError as error:
            refused += 1
            say(f"{shown_name(path)}: {error.sentence}", error=True)
    if not slides:
        raise StationError("no-fields", "No field could be measured. Name field images, a folder or a case.")
    whole = pooled_optics((one for listed in slides.values() for one in listed), site)
    if options.save and site is not None:
        site = completed(site, whole)
        site = with_white(site, whole) if options.renew else site
        library.save(site)
    _print(
        {
            "site": None if site is None else site.to_json(),
            "frames": [_frame(one) for one in whole],
            "slides": [
                {"slide": slide, "frames": [_frame(one) for one in pooled_optics(listed, site)]}
                for slide, listed in slides.items()
            ],
            "refused": refused,
        }
    )
    return SOME_FAILED if refused else DONE


def _fields(given: Iterable[Path]) -> tuple[list[tuple[str, Path]], Site | None]:
    """Return slide and path of each field, and the site of the case if there is one."""
    listed, site = list(given), None
    if len(listed) == 1 and _is_case(listed[0]):
        with Case.open(listed[0], read_only=True) as case:
            site = case.site.get()
            names = {slide.id: slide.name for slide in case.slides.all()}
            with case.reading() as snapshot:
                return [(names.get(one.slide_id, ""), one.path) for one in snapshot.fields], site
    return list(_walked(listed)), site


def _walked(given: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    from allstation.imaging.intake import Refused, find_fields

    for one in find_fields(given):
        if isinstance(one, Refused):
            say(one.error.sentence, error=True)
        else:
            yield one.folder.name, one.path


def _is_case(path: Path) -> bool:
    return path.suffix == SUFFIX or holds_case(path)


def _frame(one: Any) -> dict[str, Any]:  # noqa: ANN401 - imported where it is measured
    size = one.by_red_cells
    return {
        "frame": list(one.frame),
        "fields": one.fields,
        "stated_pixel_size": one.stated,
        "red_cell_pixel_size": None if size is None else size.size,
        "red_cell_interval": None if size is None else list(size.interval),
        "fields_with_red_cells": one.estimated,
        "white_point": list(one.white),
        "doubt": one.doubt,
        "drift": one.drift,
    }
