"""Site library: the sites that a station knows, one JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.site import Site
from allstation.core.text import shown_name
from allstation.files import write_atomically

FILE_NAME: Final = "sites.json"
_VERSION: Final = 1
_LARGEST: Final = 4 << 20


class SiteLibrary:
    """Sites of a station. Each call reads the file anew: window and command line may both write it.

    Args:
        folder: Of the file; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def all(self) -> tuple[Site, ...]:
        """Return the sites, by name.

        Raises:
            StationError: ``unreadable-sites`` if the file is damaged or of a later version.
        """
        return tuple(sorted(self._read()[0].values(), key=lambda site: (site.name.casefold(), site.id)))

    def get(self, site_id: str) -> Site:
        """Return one site.

        Raises:
            StationError: ``unknown-site``, or as :meth:`all`.
        """
        sites, _ = self._read()
        if site_id not in sites:
            known = ", ".join(sorted(sites)) or "none yet"
            sentence = f"There is no site {shown_name(site_id)!r} on this station. Known: {known}."
            raise StationError("unknown-site", sentence)
        return sites[site_id]

    def check_name(self, site: Site) -> None:
        """Refuse a site that could not be told from another one by its name.

        Raises:
            StationError: ``site-exists``, or as :meth:`all`.
        """
        name = site.name.strip().casefold()
        other = next((one for one in self.all() if one.id != site.id and one.name.casefold() == name), None)
        if other is not None:
            sentence = (
                f"Another site of this station is called {shown_name(other.name)!r} (id {other.id}). "
                "Give this one a name of its own, such as with the microscope's."
            )
            raise StationError("site-exists", sentence)

    def save(self, site: Site) -> None:
        """Add a site, or put it in the place of the one with its id.

        Raises:
            StationError: As :meth:`check_name`.
            OSError: What the system answered.
        """
        self.check_name(site)
        sites, last = self._read()
        sites[site.id] = site
        self._write(sites, last)

    def remove(self, site_id: str) -> None:
        """Remove a site from the station; cases keep what they were taken with.

        Raises:
            StationError: As :meth:`get`.
            OSError: What the system answered.
        """
        self.get(site_id)
        sites, last = self._read()
        del sites[site_id]
        self._write(sites, "" if last == site_id else last)

    def last_used(self) -> Site | None:
        """Return the site that a case was given last; a new case takes it."""
        sites, last = self._read()
        return sites.get(last)

    def use(self, site_id: str) -> None:
        """Remember a site as the one used last; an empty id forgets it.

        Raises:
            StationError: As :meth:`all`.
            OSError: What the system answered.
        """
        sites, last = self._read()
        if site_id != last:
            self._write(sites, site_id)

    def _read(self) -> tuple[dict[str, Site], str]:
        try:
            return _parsed(self._path)
        except FileNotFoundError:
            return {}, ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError, StationError) as error:
            why = str(error)[:300].rstrip(".")
            sentence = f"The sites of this station ({shown_name(self._path)}) cannot be read: {why}."
            raise StationError("unreadable-sites", f"{sentence} Mend the file, or move it away.") from error

    def _write(self, sites: dict[str, Site], last: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stored = [sites[key].to_json() for key in sorted(sites)]
        write_atomically(
            self._path, json_text({"version": _VERSION, "last": last, "sites": stored}).encode(), private=True
        )


def _parsed(path: Path) -> tuple[dict[str, Site], str]:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST >> 20} MB.")
    data: Any = json.loads(path.read_text("utf-8"))
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        raise ValueError("it is no list of sites of this version.")
    sites = [Site.from_json(one) for one in data["sites"]]
    return {site.id: site for site in sites}, str(data.get("last", ""))
