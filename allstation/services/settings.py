"""Settings: declared once, kept in one JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from allstation.core.cell_types import SHIPPED_TYPES, CellType, types_from_json
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.core.plain_json import json_text
from allstation.files import free_path, write_atomically

FILE_NAME: Final = "settings.json"
MAX_RECENT: Final = 10
_VERSION: Final = 1
BETWEEN: Final = "\0"
"""Between a case folder and what is remembered of it; no path can hold it."""
_USUAL: Final = DecodeLimits()
_SECONDS_ON_SCREEN: Final = 0.3
"""About the time that it takes to recognise anything in a picture; a key is repeated ten times as fast."""
_LONGEST_ON_SCREEN: Final = 60.0
_SENSELESS: Final = 1e6
"""No limit is that high: a typing error must not switch it off."""
_UNREADABLE_NAME: Final = "settings-unreadable"
"""Name, without suffix, that a file gets which could not be read, before another is written."""
_LARGEST_NUMBER: Final = 2**31 - 1
"""Qt takes no larger whole number."""


class Settings(NamedTuple):
    """Every setting with its default.

    Attributes:
        theme: ``system``, ``light`` or ``dark``.
        text_scale: Size of all text, 0.8 to 2.0.
        thumbnail_width: Logical pixels.
        browser_view: ``grid``, ``table`` or ``cells``.
        cell_width: Crops of cells, logical pixels.
        cell_arrangement: Order and headings of the gallery.
        cell_outlines: Whether the gallery draws outlines.
        count_target: Cells to count: 100, 200 or 400.
        count_sound: Whether each counted cell makes a sound.
        sort: What the browser sorts by.
        descending: Largest first.
        group: What fields are grouped by.
        last_field: Field that was looked at last, in ``last_case_of_field``; 0 for none.
        last_case_of_field: Case folder of that field.
        tour_done: The tour was taken or skipped.
        reviewer: Name that goes into reviews; empty means the login name.
        recent: Case folders, the latest first.
        last_case: Opened again at the next start; empty for none.
        model: Bundle chosen by hand; empty for the shipped one.
        watched: Watched folders, by case folder.
        geometry: Window place, as Qt saved it (base64).
        layout: Docks and toolbars, as Qt saved it (base64).
        overlay: Style of the class probabilities over a field.
        advance: Go to the next field after a review by key.
        min_seconds_on_screen: Time that a field's picture must have been on the screen to be reviewed.
        keep_view: Keep zoom and place between fields.
        report_template: Template of the last report.
        report_annex: Whether it had an annex.
        page_size: Page size of the last report.
        anonymise: Leave patient data out of reports.
        csv_delimiter: Between the values of the last CSV table.
        csv_mark: Whether it began with a byte order mark.
        csv_decimal_comma: Whether its decimal sign was a comma.
        max_megabytes: Size of a field's file, at most.
        max_megapixels: Width times height of a field, in millions, at most.
        max_pages: Pages of a TIFF, at most.
        max_seconds: Time that one field may take, at most.
        laboratory: Who issues reports.
        laboratory_lines: Address, telephone, accreditation.
        logo: Picture file of the laboratory; empty for none.
        signing_file: PKCS#12 file that final reports are signed with; empty for none.
        signing_certificate: What its certificate says (JSON), to be named before the password is asked.
        time_stamp_server: Address of an RFC 3161 server; asked at each signature. Empty for none.
        cell_types: The laboratory's list of cell types as JSON; empty for the shipped list.
        count_proposals: Whether proposed types are counted, and then named as such.
        patient_pattern: Pattern of folder names that gave slides their patients last; empty for none.
        hold_signing_on_control: Whether reports of fields of a day on which the control of their site was not
            in order are signed only after a named person released the day.
        shared_folder: Folder where stations keep the heads of audit logs and the list of people for each
            other; empty for none.
        several_folders: What folders that are dropped together become: ``one`` case, a case for ``each``;
            empty to ask.
        folders_into_case: The same while a case is open: ``one`` adds them to it.
        atlas_folder: Folder of the laboratory's reference atlas; empty for none.
        cluster_address: Address of the laboratory's machines; empty for none.
        cluster_certificates: Folder of the certificates of a join file; empty for this station's own.
        cluster_used: Whether the queue and training work there.
        cluster_runs: Folder of training runs that all of them see under the same name; empty for none.
    """

    theme: str = "system"
    text_scale: float = 1.0
    thumbnail_width: int = 112
    browser_view: str = "grid"
    cell_width: int = 112
    cell_arrangement: str = "type"
    cell_outlines: bool = False
    count_target: int = 200
    count_sound: bool = False
    sort: str = "slide"
    descending: bool = False
    group: str = "none"
    last_field: int = 0
    last_case_of_field: str = ""
    tour_done: bool = False
    reviewer: str = ""
    recent: tuple[str, ...] = ()
    last_case: str = ""
    model: str = ""
    watched: tuple[str, ...] = ()
    geometry: str = ""
    layout: str = ""
    overlay: str = "badge"
    keep_view: bool = False
    advance: bool = True
    min_seconds_on_screen: float = _SECONDS_ON_SCREEN
    report_template: str = "full"
    report_annex: bool = False
    page_size: str = "A4"
    anonymise: bool = True
    csv_delimiter: str = ","
    csv_mark: bool = True
    csv_decimal_comma: bool = False
    max_megabytes: float = _USUAL.max_bytes / 2**20
    max_megapixels: float = _USUAL.max_pixels / 1e6
    max_pages: int = _USUAL.max_frames
    max_seconds: float = _USUAL.max_seconds
    laboratory: str = ""
    laboratory_lines: tuple[str, ...] = ()
    logo: str = ""
    signing_file: str = ""
    signing_certificate: str = ""
    time_stamp_server: str = ""
    cell_types: str = ""
    count_proposals: bool = False
    patient_pattern: str = ""
    hold_signing_on_control: bool = False
    shared_folder: str = ""
    several_folders: str = ""
    folders_into_case: str = ""
    atlas_folder: str = ""
    cluster_address: str = ""
    cluster_certificates: str = ""
    cluster_used: bool = False
    cluster_runs: str = ""

    @property
    def limits(self) -> DecodeLimits:
        """Limits of a field; senseless values count as the default."""

        def sane(value: float, usual: float) -> float:
            return value if 0 < value < _SENSELESS else usual

        return DecodeLimits(
            max_bytes=round(sane(self.max_megabytes, _USUAL.max_bytes / 2**20) * 2**20),
            max_pixels=round(sane(self.max_megapixels, _USUAL.max_pixels / 1e6) * 1e6),
            max_frames=round(sane(self.max_pages, _USUAL.max_frames)),
            max_seconds=sane(self.max_seconds, _USUAL.max_seconds),
        )

    @property
    def seconds_on_screen(self) -> float:
        """Seconds that a picture must have been on the screen; a senseless value counts as the default."""
        sane = 0 <= self.min_seconds_on_screen <= _LONGEST_ON_SCREEN
        return self.min_seconds_on_screen if sane else _SECONDS_ON_SCREEN

    @property
    def types(self) -> tuple[CellType, ...]:
        """The laboratory's list of cell types; the shipped one in place of a list that cannot be used."""
        if not self.cell_types:
            return SHIPPED_TYPES
        try:
            return types_from_json(self.cell_types)
        except StationError:
            return SHIPPED_TYPES

    def with_recent(self, folder: Path) -> Settings:
        """Return settings in which a case is the latest one."""
        text = str(folder)
        recent = (text, *(known for known in self.recent if known != text))[:MAX_RECENT]
        return self._replace(recent=recent, last_case=text)

    def with_moved(self, before: Path, now: Path) -> Settings:
        """Return settings in which everything remembered of a case belongs to its new folder."""
        old, new = str(before), str(now)

        def renamed(entries: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new + e.removeprefix(old) if e.partition(BETWEEN)[0] == old else e for e in entries)

        return self._replace(
            recent=tuple(known for known in self.recent if known != old),
            watched=renamed(self.watched),
            last_case_of_field=new if self.last_case_of_field == old else self.last_case_of_field,
        )


class SettingsFile:
    """Reads and writes the settings, atomically.

    What cannot be read is set aside under another name before the first writing, and the settings of a newer
    version of the program are kept for it.

    Args:
        folder: Where ``settings.json`` lies; made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._others: dict[str, Any] = {"version": _VERSION}
        self._is_unreadable = False
        self.value = self._load()

    def change(self, **values: Any) -> None:  # noqa: ANN401 - each setting has its own type
        """Set some settings and write the file if anything is new."""
        self.replace(self.value._replace(**values))

    def replace(self, value: Settings) -> None:
        """Take other settings and write the file if anything is new. A full disk is not fatal."""
        if value == self.value:
            return
        self.value = value
        data = json_text({**self._others, **value._asdict()}, ensure_ascii=True).encode()
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._rename_unreadable()
            # Not synced: the window's thread writes, and waiting for a disk would stop it.
            write_atomically(self._path, data, sync=False, private=True)

    def _rename_unreadable(self) -> None:
        if self._is_unreadable:
            kept = free_path(self._path.parent, _UNREADABLE_NAME, self._path.suffix, separator="-")
            self._path.replace(kept)
            self._is_unreadable = False

    def _load(self) -> Settings:
        if not self._path.exists():
            return Settings()
        try:
            # A pipe in its place would be waited for.
            stored = json.loads(self._path.read_text("utf-8")) if self._path.is_file() else None
        except (OSError, ValueError, RecursionError):
            stored = None
        if not isinstance(stored, dict):
            self._is_unreadable = True
            return Settings()
        self._others |= {name: value for name, value in stored.items() if name not in Settings._fields}
        return _from_json(stored)


def _from_json(stored: Mapping[str, object]) -> Settings:
    """Take the settings that have the right type and can be used; anything else keeps its default."""
    values: dict[str, Any] = {}
    for name, default in Settings()._asdict().items():
        value = stored.get(name)
        if isinstance(default, tuple):
            if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
                values[name] = tuple(value)
        elif isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
            if _is_usable(value):
                values[name] = float(value)
        elif type(value) is type(default) and _is_usable(value):
            values[name] = value
    return Settings(**values)


def _is_usable(value: object) -> bool:
    """Return whether a value is a number of a size that Qt takes, or a text that can name a path."""
    if isinstance(value, str):
        return BETWEEN not in value
    return isinstance(value, int | float) and abs(value) <= _LARGEST_NUMBER and math.isfinite(value)
