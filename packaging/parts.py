"""Parts of the frozen program per edition; read by the spec, the notices and tests.

Hidden imports are computed from the program's own registry of commands and its package trees, so that a
new command or training part cannot be forgotten here.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Entry = tuple[str, str, str]
"""One row of the freezer's tables: destination in the program folder, source, type."""

FULL, CLASSIFY_ONLY = "full", "classify-only"
EDITIONS = (CLASSIFY_ONLY, FULL)
EDITION_VARIABLE = "ALLSTATION_EDITION"

APP_ID = "allstation"
APP_NAME = "ALL Station"

# Never of use to a person at a lab PC: tools of developers, other GUI toolkits, notebooks.
_NEVER = (
    # GNU Readline is under the GPL, and nothing here reads lines from a terminal.
    "readline", "rlcompleter",
    "tkinter", "_tkinter", "turtle", "idlelib", "lib2to3", "ensurepip", "venv", "pydoc_data",
    "pytest", "_pytest", "pytestqt", "xdist", "hypothesis", "mypy", "mypyc", "ruff", "importlinter", "grimp",
    # A hook would import these at every start of the window.
    "setuptools", "pkg_resources", "_distutils_hack", "trove_classifiers", "numpy.distutils",
    "PyInstaller", "pip", "wheel", "hatchling", "editables", "fhirclient", "pypdfium2_cli",
    # tifffile would take these along; the program decodes tiles itself (imaging/readers/by_tifffile.py).
    "imagecodecs", "zarr", "fsspec", "kerchunk",
    # pyHanko writes XMP with it, which reports do not have.
    "lxml",
    "IPython", "ipykernel", "notebook", "pandas", "sphinx", "PyQt5", "PyQt6", "PySide2", "gi", "wx",
    "matplotlib.tests", "numpy.tests", "numpy.f2py", "mpl_toolkits.tests",
    "matplotlib.backends.backend_qtcairo", "matplotlib.backends.backend_tkagg",
    "matplotlib.backends.backend_webagg", "matplotlib.backends.backend_gtk3agg",
    "PIL.ImageQt", "PIL.ImageTk",
    "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickWidgets", "PySide6.QtQuickControls2",
    "PySide6.QtDesigner", "PySide6.QtUiTools", "PySide6.QtHelp", "PySide6.QtTest", "PySide6.QtSql",
    "PySide6.scripts",
)  # fmt: skip

# The training part and everything that only it needs.
_TRAINING_ONLY = (
    "training", "tensorflow", "keras", "sklearn", "skimage", "scipy", "h5py", "joblib", "threadpoolctl",
    "networkx", "imageio", "lazy_loader", "optree", "namex", "grpc", "absl", "gast", "astunparse",
    "opt_einsum", "termcolor", "wrapt", "tensorboard", "rich", "requests", "urllib3", "libclang", "clang",
)  # fmt: skip

# The laboratory's machines and Parquet, and everything that only they need.
_CLUSTER_ONLY = (
    "dask", "distributed", "pyarrow", "msgpack", "tornado", "zict", "tblib", "partd", "locket", "fsspec",
    "cloudpickle", "toolz", "sortedcontainers",
)  # fmt: skip

# Inside the training part and the cluster, tests and developers' tools of the libraries.
_TRAINING_EXCESS = (
    "bokeh", "pyarrow.tests", "dask.dataframe", "dask.array", "distributed.tests",
    "tensorboard", "tensorflow_estimator",
    "sklearn.tests", "skimage.data", "scipy.conftest", "imageio_ffmpeg", "torch", "jax",
)  # fmt: skip

# Files (destination inside the program folder, forward slashes) that nothing in the program opens.
_UNUSED_FILES = (
    "PySide6/Qt/lib/libQt6Qml*", "PySide6/Qt/lib/libQt6Quick*", "PySide6/Qt/lib/libQt6Sql*",
    "PySide6/Qt/lib/libQt6Test*", "PySide6/Qt/lib/libQt6Designer*", "PySide6/Qt/lib/libQt6Help*",
    "PySide6/Qt/lib/libQt6UiTools*", "PySide6/Qt/lib/libQt6VirtualKeyboard*", "PySide6/Qt/lib/libQt6Pdf*",
    "PySide6/Qt/lib/libQt6EglF*", "PySide6/Qt/lib/libQt6WaylandCompositor*", "PySide6/Qt/lib/libQt6Lottie*",
    "PySide6/Qt/lib/libQt6Labs*", "PySide6/Qt/qml/*",
    "PySide6/Qt/plugins/networkinformation/*", "PySide6/Qt/plugins/tls/*", "PySide6/Qt/plugins/sqldrivers/*",
    "PySide6/Qt/plugins/qmltooling/*", "PySide6/Qt/plugins/egldeviceintegrations/*",
    "PySide6/Qt/plugins/platforminputcontexts/*virtualkeyboard*",
    # GTK is not shipped: its theme plug-in would load the host's GTK beside our GLib.
    "PySide6/Qt/plugins/platformthemes/libqgtk3*",
    "PySide6/Qt/plugins/platforms/libqeglfs*", "PySide6/Qt/plugins/platforms/libqlinuxfb*",
    "PySide6/Qt/plugins/platforms/libqvkkhrdisplay*", "PySide6/Qt/plugins/platforms/libqvnc*",
    "PySide6/Qt/plugins/platforms/libqminimalegl*", "PySide6/Qt/plugins/generic/*",
    "PySide6/Qt6Qml*", "PySide6/Qt6Quick*", "PySide6/opengl32sw.dll", "PySide6/plugins/tls/*",
    "PySide6/plugins/networkinformation/*", "PySide6/plugins/generic/*",
    # The LiteRT interpreter runs on the CPU here; this is its accelerator for WebGPU.
    "ai_edge_litert/*WebGpuAccelerator*", "ai_edge_litert/vendors/*", "ai_edge_litert/aot/*",
    "ai_edge_litert/*_openvino*",
    # AVIF files are refused by name; the plug-in brings five megabytes of codec.
    "PIL/_avif*",
    "cv2/data/*", "cv2/LICENSE-3RD-PARTY.txt", "cv2/*videoio_ffmpeg*",
    "matplotlib/mpl-data/sample_data/*", "matplotlib/mpl-data/images/*",
    "matplotlib/mpl-data/fonts/afm/*", "matplotlib/mpl-data/fonts/pdfcorefonts/*",
    "*/tests/*", "*/testing/data/*", "pydicom/data/test_files/*",
    "tensorflow/include/*", "tensorflow/*.h", "tensorflow/tools/*", "*.pyi", "*/py.typed",
)  # fmt: skip

_QT_LANGUAGES = ("de", "fr", "es")
"""Qt's own texts (dialog buttons) are kept in these languages besides English."""


def edition_from_environment() -> str:
    """Return the edition that the environment asks for, ``full`` when it says nothing.

    Raises:
        SystemExit: The environment names an unknown edition.
    """
    edition = os.environ.get(EDITION_VARIABLE, FULL)
    if edition not in EDITIONS:
        raise SystemExit(f"{EDITION_VARIABLE} is {edition!r}; expected one of {', '.join(EDITIONS)}.")
    return edition


def version() -> str:
    """Return the program's version from its one source."""
    text = (ROOT / "allstation" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit("allstation/__init__.py names no __version__.")
    return found.group(1)


def modules_below(package: str) -> list[str]:
    """Return the names of a package of this project and of every module below it, without importing them."""
    return [package, *_below_folder(ROOT / package, prefix=f"{package}.")]


def _below_folder(folder: Path, *, prefix: str) -> list[str]:
    names: list[str] = []
    for found in pkgutil.iter_modules([str(folder)], prefix=prefix):
        names.append(found.name)
        if found.ispkg:
            names += _below_folder(folder / found.name.rsplit(".", 1)[-1], prefix=f"{found.name}.")
    return names


def hidden_imports(edition: str) -> list[str]:
    """Return every module that the program loads by name.

    The commands come from ``allstation.commands.arguments``; the rest is the packages' own trees, because the
    window, the services and the training part may all name their parts in registries of their own.
    """
    commands = {f"allstation.commands.{module}" for module, _, _ in registry_of_commands().values()}
    names = commands | set(modules_below("allstation"))
    if edition == FULL:
        names |= set(modules_below("training"))
        names |= {"tensorflow", "keras", "sklearn"}
        names |= {"dask", "distributed", "distributed.comm.tcp", "msgpack", "pyarrow", "pyarrow.parquet"}
    names |= {"openslide", "openslide_bin", "tifffile", "pydicom", "jpeg_ls"}
    return sorted(names)


def slide_libraries() -> list[tuple[str, str]]:
    """Return (source, destination folder) of OpenSlide's shared library, which is loaded by its path.

    Raises:
        SystemExit: It is not installed.
    """
    found = importlib.util.find_spec("openslide_bin")
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    names = ("libopenslide*.so*", "libopenslide*.dll", "libopenslide*.dylib")
    files = [path for folder in folders for name in names for path in sorted(Path(folder).glob(name))]
    if not files:
        raise SystemExit("OpenSlide's library was not found: install openslide-bin.")
    return [(str(path), "openslide_bin") for path in files]


def registry_of_commands() -> dict[str, tuple[str, object, str]]:
    """Return the command line's own registry: command -> (module, arguments, text)."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return dict(importlib.import_module("allstation.commands.arguments").COMMANDS)


def excluded_modules(edition: str) -> list[str]:
    """Return the modules that the frozen program of an edition must not hold."""
    left_out = _TRAINING_EXCESS if edition == FULL else (*_TRAINING_ONLY, *_CLUSTER_ONLY)
    return sorted({*_NEVER, *left_out})


def is_wanted(destination: str) -> bool:
    """Tell whether a file that the freezer found is of use to the program.

    Args:
        destination: Path inside the program folder.
    """
    name = destination.replace(os.sep, "/")
    if any(fnmatch.fnmatch(name, pattern) for pattern in _UNUSED_FILES):
        return False
    if "/translations/" in name and name.endswith(".qm"):
        return any(Path(name).stem in {f"qtbase_{tongue}", f"qt_{tongue}"} for tongue in _QT_LANGUAGES)
    return not _is_host_library(name)


def _is_host_library(name: str) -> bool:
    """Tell whether a library must be the host's own, because its graphics drivers need theirs."""
    return bool(re.fullmatch(r"lib(stdc\+\+|gcc_s|X11|X11-xcb)\.so\.\d+(\.\d+)*", name))


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Return the wanted ones of a freezer's table of (destination, source, type)."""
    return [entry for entry in entries if is_wanted(entry[0])]


def without_links(entries: Iterable[Entry]) -> list[Entry]:
    """Return a freezer's table without its symbolic links."""
    return [entry for entry in entries if entry[2] != "SYMLINK"]


def runtime_distributions(edition: str) -> list[str]:
    """Return the names of the packages that the program names as its needs, on this platform.

    Their metadata are shipped too, so that the frozen program can say which versions it runs.
    """
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(needs["dependencies"])
    if edition == FULL:
        lines += needs["optional-dependencies"]["training"] + needs["optional-dependencies"]["cluster"]
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines}
    return sorted(name for name in names if _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def resource_files(edition: str) -> list[tuple[str, str]]:
    """Return (source, destination folder) of everything in the project that is read as a file."""
    packages = ("resources", "allstation", *(("training",) if edition == FULL else ()))
    found = (path for name in packages for path in sorted((ROOT / name).rglob("*")) if path.is_file())
    return [(str(path), str(path.relative_to(ROOT).parent)) for path in found if _is_resource(path)]


def _is_resource(path: Path) -> bool:
    return path.suffix not in {".py", ".pyc"} and not any(part.startswith((".", "__")) for part in path.parts)
