"""Write THIRD-PARTY-NOTICES.txt: what ships with the program, under which licences, and Qt's LGPL duties.

    python packaging/notices.py COLLECTED.json TARGET.txt

COLLECTED.json is what the spec wrote beside its build.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import components as shipped
import parts

_RULE = "=" * 78

_INTRODUCTION = """\
ALL Station {version} is licensed under the Apache License 2.0 (file LICENSE). It contains the components
listed below, each under its own licence. This file was generated from the files that the program consists of.
"""

_LGPL = """\
Qt, PySide6 and the other libraries under the LGPL

{names} are used under the GNU Lesser General Public License. The texts of the LGPL and of the GPL, which it
builds on, are at the end of this file. The program uses these libraries unchanged and as shared libraries:

- They lie as files of their own in the program's folder ({folder}). You may replace them with
  versions of your own that have the same interface; the program loads whatever lies there. Nothing in the
  program checks, signs or locks them. On macOS sign the program again for yourself afterwards:
  codesign --force --deep --sign - "ALL Station.app"
- You may take the program apart to find errors in such changes of yours, whatever other terms say.
- Source: the complete source code of exactly these versions is published at
  https://download.qt.io/official_releases/qt/ and https://download.qt.io/official_releases/QtForPython/ and,
  for Python packages, in the Python Package Index; of FFmpeg, which opencv-python-headless contains, at
  https://ffmpeg.org; of OpenSlide, cairo and GLib, which openslide-bin contains, with what is needed to build
  its library anew, at https://github.com/openslide/openslide-bin. Offer: for three years after you received this program, whoever
  gave it to you will also give you that source code on a usual medium, for no more than the cost of copying.
{system}- Qt itself contains third-party code under permissive licences, listed at
  https://doc.qt.io/qt-6/licenses-used-in-qt.html.
"""


def notices(found: Iterable[shipped.Component]) -> str:
    """Return the whole text.

    Args:
        found: The components of one frozen program.
    """
    found = list(found)
    blocks = [
        parts.APP_NAME + ": notices of third-party software",
        _wrapped(_INTRODUCTION.format(version=parts.version())),
        _LGPL.format(names=_lgpl_names(found), folder=_library_folder(), system=_of_debian(found)),
        _table(found),
        *_texts(found),
    ]
    return f"\n{_RULE}\n".join(block.strip("\n") + "\n" for block in blocks)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, width=110))


def _lgpl_names(found: Iterable[shipped.Component]) -> str:
    names = [f"{one.name} {one.version}" for one in found if "LGPL" in one.licence]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _of_debian(found: Iterable[shipped.Component]) -> str:
    """Return where the source of the build system's libraries is, some of which are under the LGPL too."""
    if not any(one.purl.startswith("pkg:deb/") for one in found):
        return ""
    return (
        "- The libraries whose licence is given below by the copyright file of a package come unchanged\n"
        "  from Debian. Their source is published at https://sources.debian.org under the names and\n"
        "  versions given; what is said above of replacing libraries, and the offer, hold for them too.\n"
    )


def _library_folder() -> str:
    folders = {"win32": r"_internal\PySide6", "darwin": "Contents/Frameworks/PySide6/Qt/lib"}
    return folders.get(sys.platform, "_internal/PySide6/Qt/lib")


def _table(found: Iterable[shipped.Component]) -> str:
    rows = [f"- {one.name} {one.version}: {one.licence}. {one.homepage}".rstrip() for one in found]
    return "\n".join(["Components", "", *rows])


def _texts(found: Iterable[shipped.Component]) -> list[str]:
    """Return each distinct text once, headed by the components that it belongs to."""
    owners: dict[str, list[str]] = {}
    for one in found:
        for title, text in one.texts:
            owners.setdefault(text.strip("\ufeff\n "), []).append(f"{one.name} ({title})")
    return [f"{_wrapped(', '.join(names))}\n\n{text}" for text, names in owners.items()]


def main(arguments: list[str]) -> int:
    """Write the notices of one build."""
    collected, target = map(Path, arguments)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(notices(shipped.components(*shipped.read_collected(collected))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
