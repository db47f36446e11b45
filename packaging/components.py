"""Which third-party components a frozen program holds: the one source of the notices and of the SBOM.

Every file that the freezer collected is traced to the package that it came from. A component whose licence is
not known stops the build: nothing is shipped that was not looked at.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import parts

LICENCES = Path(__file__).resolve().parent / "licences"

_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors|third.?party)", re.IGNORECASE)

# What packages write into their metadata -> SPDX.
_SPDX_OF_TEXT = {
    "mit": "MIT",
    "mit license": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "mpl-2.0": "MPL-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
}

# Packages whose metadata say it in prose or not at all; read in their licence files.
_SPDX_OF_PACKAGE = {
    "ai-edge-litert": "Apache-2.0",
    "aiohappyeyeballs": "PSF-2.0",
    "cycler": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "locket": "BSD-2-Clause",
    "matplotlib": "PSF-2.0",
    "namex": "Apache-2.0",
    # Its wheels hold FFmpeg's shared libraries.
    "opencv-python-headless": "Apache-2.0 AND LGPL-2.1-or-later",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "pydicom": "MIT",
    # It contains CharLS.
    "pyjpegls": "MIT AND BSD-3-Clause",
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
    "python-bidi": "LGPL-3.0-or-later",
    "rarfile": "ISC",
    "reportlab": "BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "setuptools": "MIT",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
    "pyinstaller-hooks-contrib": "Apache-2.0",
    "pyside6-essentials": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "shiboken6": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
}

_APACHE = ("Apache License 2.0", parts.ROOT / "LICENSE")
_LGPL = (
    ("GNU Lesser General Public License 3", LICENCES / "LGPL-3.0.txt"),
    ("GNU General Public License 3", LICENCES / "GPL-3.0.txt"),
)

# Packages that come without the text of their licence.
_TEXTS_OF_PACKAGE = {
    "pyside6-essentials": _LGPL,
    "shiboken6": _LGPL,
    "flatbuffers": (_APACHE,),
    "tensorflow-cpu": (_APACHE,),
    "tensorflow": (_APACHE,),
    "google-pasta": (_APACHE,),
    "pyjpegls": (("pyjpegls", LICENCES / "pyjpegls.txt"), ("CharLS", LICENCES / "CharLS.txt")),
}


@dataclass(frozen=True, order=True)
class Component:
    """Third-party component of the frozen program.

    Attributes:
        name: As its makers write it.
        version: As its makers write it.
        licence: SPDX expression, or a short description where no expression fits.
        purl: Package URL, empty where there is none.
        homepage: Address, may be empty.
        texts: (title, text) of each licence and notice.
        kind: ``library``, ``font``, ``framework`` or ``machine-learning-model``.
        sha256: Of the one file that it is, else empty.
        needs: Names of the components that it needs.
    """

    name: str
    version: str
    licence: str = field(compare=False)
    purl: str = field(default="", compare=False)
    homepage: str = field(default="", compare=False)
    texts: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    kind: str = field(default="library", compare=False)
    sha256: str = field(default="", compare=False)
    needs: tuple[str, ...] = field(default=(), compare=False)


def read_collected(path: Path) -> tuple[list[Path], list[Path]]:
    """Return where everything in one frozen program came from, and where the build made files itself."""
    collected = json.loads(path.read_text("utf-8"))
    entries = [*collected["files"], *collected["modules"]]
    sources = [Path(source) for _, source in entries if source not in ("", "-")]
    return sources, [Path(folder) for folder in collected["made_in"]]


def components(sources: Iterable[Path], made_in: Sequence[Path] = ()) -> list[Component]:
    """Trace collected files to their components.

    Args:
        sources: Where each collected file or module came from.
        made_in: Folders of what the build made itself.

    Returns:
        Components by name: packages, Python, Qt, libraries of the build system, fonts, model bundles.

    Raises:
        SystemExit: A file or a licence that nobody has looked at.
    """
    owners = _owners()
    names: set[str] = set()
    system: set[Path] = set()
    for source in {path.absolute() for path in sources}:
        owner = owners.get(source) or owners.get(source.resolve())
        if owner is not None:
            names.add(owner)
        elif not _is_known(source, made_in):
            system.add(source.resolve())
    found = [_of_distribution(name) for name in sorted(names | {"pyinstaller"})]
    found += [_python(), *_qt(found), *_of_debian(system), *_fonts(), *_models()]
    return sorted(found, key=lambda component: (component.name.casefold(), component.version))


def _is_known(source: Path, made_in: Sequence[Path]) -> bool:
    """Tell whether a file is Python's own, this project's, or made by the build."""
    own = [parts.ROOT / name for name in (parts.APP_ID, "training", "resources", "packaging")]
    if any(source.is_relative_to(home) for home in [*own, *made_in]):
        return True
    python = (Path(sys.base_prefix), Path(sys.base_prefix).resolve())
    return "site-packages" not in source.parts and any(source.is_relative_to(home) for home in python)


@functools.cache
def _owners() -> Mapping[Path, str]:
    """Return which distribution each installed file belongs to."""
    owners: dict[Path, str] = {}
    for distribution in importlib.metadata.distributions():
        name = normalised(distribution.metadata["Name"])
        if name == parts.APP_ID:
            continue
        for entry in distribution.files or ():
            owners[Path(str(distribution.locate_file(entry))).absolute()] = name
    return owners


def normalised(name: str) -> str:
    """Return a distribution's name in the one spelling that package indexes compare."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_distribution(name: str) -> Component:
    distribution = importlib.metadata.distribution(name)
    metadata = distribution.metadata
    texts = _texts_of(distribution) + tuple(
        (title, path.read_text("utf-8")) for title, path in _TEXTS_OF_PACKAGE.get(name, ())
    )
    if not texts:
        raise SystemExit(f"{name} ships no licence text; add it to packaging/components.py.")
    return Component(
        name=metadata["Name"],
        version=distribution.version,
        licence=licence_of(metadata),
        purl=f"pkg:pypi/{name}@{distribution.version}",
        homepage=_homepage(metadata),
        texts=texts,
        needs=_needs(distribution),
    )


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """Return the SPDX expression of a distribution.

    Raises:
        SystemExit: Its metadata do not say and nobody has read its licence file yet.
    """
    name = normalised(metadata["Name"])
    if name in _SPDX_OF_PACKAGE:
        return _SPDX_OF_PACKAGE[name]
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    text = metadata["License"].strip().splitlines() if "License" in metadata else []
    known = _SPDX_OF_TEXT.get(text[0].strip().lower()) if text else None
    if known is None:
        raise SystemExit(
            f"The licence of {name} is not known; read it and add it to packaging/components.py."
        )
    return known


def _texts_of(distribution: importlib.metadata.Distribution) -> tuple[tuple[str, str], ...]:
    texts = {}
    for entry in distribution.files or ():
        in_metadata = entry.parts[0].endswith(".dist-info")
        # Below the metadata a folder's name says it too: licenses/PARTS/zlib.txt.
        name = "/".join(entry.parts[1:]) if in_metadata else entry.name
        if (
            (entry.parent.parent == PurePath() or in_metadata)
            and _LICENCE_FILE.search(name)
            and entry.suffix not in {".py", ".pyc"}
        ):
            path = Path(str(distribution.locate_file(entry)))
            texts[name if in_metadata else str(entry)] = path.read_text("utf-8", errors="replace")
    return tuple(sorted(texts.items()))


def _homepage(metadata: importlib.metadata.PackageMetadata) -> str:
    if "Home-page" in metadata:
        return metadata["Home-page"]
    links = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL") or () if ", " in line)
    lowered = {name.lower(): link for name, link in links.items()}
    chosen = next(
        (lowered[key] for key in ("homepage", "source", "source code", "repository") if key in lowered), ""
    )
    return str(chosen)


def _needs(distribution: importlib.metadata.Distribution) -> tuple[str, ...]:
    needed = (line for line in distribution.requires or () if "extra ==" not in line)
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in needed)
    return tuple(sorted({normalised(match.group()) for match in found if match}))


def _python() -> Component:
    version = ".".join(map(str, sys.version_info[:3]))
    homes = [
        Path(sys.base_prefix),
        *Path(sys.base_prefix).glob("lib/python3.*"),
        Path("/usr/share/doc/python3"),
    ]
    names = ("LICENSE.txt", "LICENSE", "copyright")
    texts = [home / name for home in homes for name in names if (home / name).is_file()]
    if not texts:
        raise SystemExit(f"The licence of Python was not found below {sys.base_prefix}.")
    return Component(
        name="Python",
        version=version,
        licence="PSF-2.0",
        purl=f"pkg:generic/python@{version}",
        homepage="https://www.python.org",
        texts=(("Python", texts[0].read_text("utf-8")),),
    )


def _qt(found: Iterable[Component]) -> list[Component]:
    versions = [
        component.version for component in found if normalised(component.name) == "pyside6-essentials"
    ]
    if not versions:
        return []
    texts = tuple((title, path.read_text("utf-8")) for title, path in _LGPL)
    qt = Component(
        name="Qt",
        version=versions[0],
        licence="LGPL-3.0-only",
        purl=f"pkg:generic/qt@{versions[0]}",
        homepage="https://www.qt.io",
        texts=texts,
        kind="framework",
    )
    icu = Component(
        name="ICU (in Qt)",
        version="as in Qt",
        licence="Unicode-DFS-2016",
        homepage="https://icu.unicode.org",
        texts=(("ICU", (LICENCES / "ICU.txt").read_text("utf-8")),),
    )
    return [qt, icu] if sys.platform == "linux" else [qt]


def _of_debian(files: Iterable[Path]) -> list[Component]:
    """Trace libraries of the build system to its packages (Linux; elsewhere there are none)."""
    packages: set[str] = set()
    for path in sorted(files):
        packages.add(_package_of(path))
    return [_debian_component(package) for package in sorted(packages)]


def _package_of(path: Path) -> str:
    # Since /lib became a link to /usr/lib, a package may list a file under either.
    for name in (str(path), str(path).removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(":", 1)[0]
    raise SystemExit(
        f"Nobody knows where {path} comes from; exclude it or name it in packaging/components.py."
    )


def _debian_component(package: str) -> Component:
    query = ["dpkg-query", "-W", "-f", "${Version}\t${Homepage}\n", package]
    line = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    version, _, homepage = line.partition("\t")
    text = Path("/usr/share/doc", package, "copyright").read_text("utf-8", errors="replace")
    return Component(
        name=package,
        version=version,
        licence=f"as in the copyright file of {package}",
        purl=f"pkg:deb/debian/{package}@{version}",
        homepage=homepage,
        texts=((f"Debian's copyright file of {package}", text),),
    )


def _fonts() -> list[Component]:
    """Return the fonts that ship with the program; their licences lie beside them."""
    folder = parts.ROOT / "resources" / "fonts"
    texts = tuple((path.stem, path.read_text("utf-8")) for path in sorted((folder / "LICENSES").glob("*")))
    return [
        Component(
            name=f"font {path.stem}",
            version="as shipped",
            licence="OFL-1.1, Apache-2.0 or DejaVu: see resources/fonts/LICENSES",
            texts=texts,
            kind="font",
            sha256=_sha256(path),
        )
        for path in sorted(folder.glob("*.ttf"))
    ]


def _models() -> list[Component]:
    folder = parts.ROOT / "resources" / "models"
    return [
        Component(
            name=f"{'model bundle' if path.suffix == '.allmodel' else 'network'} {path.stem}",
            version=parts.version(),
            licence="Apache-2.0",
            kind="machine-learning-model",
            sha256=_sha256(path),
        )
        for path in sorted((*folder.glob("*.allmodel"), *folder.glob("*.tflite")))
    ]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
