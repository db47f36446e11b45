"""``allstation doctor``: checks whether this machine can run the station."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from allstation import __version__, paths
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.printing import say
from allstation.core.errors import StationError
from allstation.frozen import build_stamp
from allstation.imaging import synthetic
from allstation.imaging.formats.isolated import decoders
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.inference.pipeline import default_threads
from allstation.inference.reference import verify_reference
from allstation.isolation.child import ChildError
from allstation.isolation.confine import EVERYTHING

_PACKAGES: Final = (
    "PySide6-Essentials",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "openslide-bin",
    "tifffile",
    "pydicom",
    "pyjpegls",
    "reportlab",
)

Check = Callable[[], str]


def run(_options: argparse.Namespace) -> int:
    """Print one line a check; status 1 when any of them fails."""
    failed = 0
    for name, check in _checks():
        try:
            result, mark = check(), "ok"
        except StationError as error:
            result, mark = error.sentence, "FAILED"
            failed += 1
        say(f"{mark:6}  {name}: {result}")
    return SOME_FAILED if failed else DONE


def _checks() -> Iterator[tuple[str, Check]]:
    yield "program", lambda: f"ALL Station {__version__}, Python {platform.python_version()}"
    yield "build", build_stamp
    yield "system", lambda: f"{platform.system()} {platform.machine()}, {default_threads()} processors usable"
    for package in _PACKAGES:
        yield package, partial(_version, package)
    yield "training", _training
    yield "isolation", _isolation
    for name, folder in (("settings", paths.config_folder()), ("data", paths.data_folder()),
                         ("logs", paths.log_folder()), ("cases", paths.cases_folder())):  # fmt: skip
        yield f"{name} folder", partial(_writable, folder)
    yield "shipped model", _model
    yield "reference fields", _reference
    yield "self-test", _self_test


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # A frozen program carries the code but not always its metadata.
        return "built in"


def _training() -> str:
    present = importlib.util.find_spec("training") and importlib.util.find_spec("tensorflow")
    return "available" if present else "not in this edition"


def _isolation() -> str:
    """Start a decoder of its own and say what the system keeps it from."""
    try:
        applied = decoders().applied()
    except ChildError as error:
        sentence = (
            f"The part that decodes rare pictures in a process of its own does not start ({error.how}). "
            "Install ALL Station again."
        )
        raise StationError("isolation-missing", sentence) from error
    enforced = ", ".join(name for name in EVERYTHING if name in applied) or "nothing"
    missing = ", ".join(name for name in EVERYTHING if name not in applied)
    lacks = f"; this system does not enforce: {missing}" if missing else ""
    return f"rare pictures, archives and foreign models in processes of their own; limits: {enforced}{lacks}"


def _writable(folder: Path) -> str:
    """Prove it by writing; access bits lie on network drives."""
    existing = next(part for part in (folder, *folder.parents) if part.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        sentence = f"{folder} cannot be written ({error.strerror}). Ask for write permission there."
        raise StationError("folder-not-writable", sentence) from error
    return f"{folder} is writable" if existing == folder else f"{folder} can be made"


def _model() -> str:
    bundle = ModelBundle.open(default_bundle_path())
    return f"{bundle.name} {bundle.version}, sha256 {bundle.sha256[:12]}"


def _reference() -> str:
    difference = verify_reference(ModelBundle.open(default_bundle_path()))
    return f"probabilities differ by at most {difference:.1e} from the maker's"


def _self_test() -> str:
    with tempfile.TemporaryDirectory(prefix="allstation-") as folder:
        field = synthetic.write_demo(Path(folder), fields=1, seed=1)[0]
        prediction = Engine(ModelBundle.open(default_bundle_path())).classify(field)
    return f"one field classified in {prediction.milliseconds:.0f} ms by process {os.getpid()}"
