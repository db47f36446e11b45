"""What the installers promise, checked without freezing anything: minutes of that are the smoke test's."""

from __future__ import annotations

import ast
import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from email.message import Message
from pathlib import Path

import pytest

from allstation import frozen

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Debian packages and ELF are of Linux")


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


@pytest.fixture(scope="module")
def tool():
    """Import a module of ``packaging/``, whose name is that of a library too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PACKAGING))
        yield importlib.import_module


# Signatures of what ships


def test_every_bundle_that_ships_bears_the_releases_signature():
    from allstation.inference.bundle import SUFFIX, ModelBundle
    from allstation.inference.reference import verify_reference
    from allstation.inference.trust import TrustLevel
    from allstation.keys.release import release_keys

    bundles = [ModelBundle.open(path) for path in (ROOT / "resources" / "models").glob(f"*{SUFFIX}")]
    assert {bundle.name for bundle in bundles} == {one.name for one in release_keys().bundles}
    for bundle in bundles:
        assert bundle.trust.level is TrustLevel.RELEASE
        assert verify_reference(bundle, fields=1) < 1e-4


def test_a_release_key_signs_and_earlier_ones_stay(tool, tmp_path, monkeypatch, capsys):
    from allstation.keys import laboratory

    signing = tool("sign_bundle")
    monkeypatch.setattr(laboratory, "_COST", 2**15)
    monkeypatch.setattr(signing.getpass, "getpass", lambda _prompt: "correct horse")
    (tmp_path / "models").mkdir()
    shutil.copy(ROOT / "resources/models/all-station.allmodel", tmp_path / "models")
    keys = []
    for number in (1, 2):
        key = tmp_path / f"{number}.key"
        for words in (["--new-key", str(key), "--name", f"Release {number}"], ["--key", str(key)],
                      ["--development"]):  # fmt: skip
            monkeypatch.setattr(sys, "argv", ["sign_bundle.py", "--resources", str(tmp_path), *words])
            assert signing.main() == 0
            if words[0] != "--new-key":
                keys.append(
                    [one["name"] for one in json.loads((tmp_path / "keys/release.json").read_text())["keys"]]
                )
    development = signing.DEVELOPMENT
    assert keys == [["Release 1"], [development, "Release 1"], ["Release 2", "Release 1"],
                    [development, "Release 2", "Release 1"]]  # fmt: skip
    assert (tmp_path / "models/all-station.allmodel.sig").is_file()
    assert "signed by" in capsys.readouterr().out

    # People still have the model of an earlier release: its entry and the key that signed it stay.
    listed = tmp_path / "keys/release.json"
    stored = json.loads(listed.read_text())
    stored["bundles"][0]["version"] = "0.9"
    listed.write_text(json.dumps(stored))
    monkeypatch.setattr(sys, "argv", ["sign_bundle.py", "--resources", str(tmp_path), "--development"])
    assert signing.main() == 0
    now = json.loads(listed.read_text())
    assert [one["name"] for one in now["keys"]] == [development, development, "Release 2", "Release 1"]
    assert now["keys"][1:] == stored["keys"]
    assert now["bundles"][1:] == stored["bundles"]
    assert now["bundles"][0]["key"] == now["keys"][0]["key"]


# The spec and what goes in


def test_the_spec_is_valid_python_with_two_executables_in_one_folder():
    tree = ast.parse((PACKAGING / "allstation.spec").read_text("utf-8"))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    names = [call.args[0].value for call in calls if call.func.id == "executable"]
    assert names == ["allstation", "allstation-cli"]
    assert [call.func.id for call in calls].count("COLLECT") == 1
    compressed = [kw.value.value for call in calls for kw in call.keywords if kw.arg == "upx"]
    assert compressed == [False, False]


def test_every_command_of_the_registry_is_a_hidden_import(tool):
    from allstation.commands.arguments import COMMANDS

    for edition in ("full", "classify-only"):
        named = set(tool("parts").hidden_imports(edition))
        assert {f"allstation.commands.{module}" for module, _, _ in COMMANDS.values()} <= named
        missing = [name for name in named if importlib.util.find_spec(name) is None]
        assert missing == []


def test_every_module_of_the_training_part_is_in_the_full_edition_only(tool):
    files = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "training").rglob("*.py")}
    modules = {name.replace("/", ".").removesuffix(".__init__") for name in files}
    full = set(tool("parts").hidden_imports("full"))
    assert modules <= full
    assert not any(name.startswith("training") for name in tool("parts").hidden_imports("classify-only"))


def test_the_classify_only_edition_leaves_out_what_only_training_needs(tool):
    excluded = tool("parts").excluded_modules("classify-only")
    assert {"training", "tensorflow", "keras", "sklearn", "skimage", "scipy", "h5py"} <= set(excluded)
    assert not {"tensorflow", "keras", "sklearn", "training"} & set(tool("parts").excluded_modules("full"))


@pytest.mark.parametrize("edition", ["classify-only", "full"])
def test_both_editions_hold_the_slide_readers_and_no_more_codecs(tool, edition):
    parts = tool("parts")
    libraries = {"openslide", "openslide_bin", "tifffile", "pydicom", "jpeg_ls"}
    assert libraries <= set(parts.hidden_imports(edition))
    assert "allstation.imaging.readers.slide_child" in parts.hidden_imports(edition)
    assert not libraries & set(parts.excluded_modules(edition))
    assert "imagecodecs" in parts.excluded_modules(edition)
    ((source, folder),) = parts.slide_libraries()
    assert Path(source).is_file()
    assert (folder, parts.is_wanted(f"{folder}/{Path(source).name}")) == ("openslide_bin", True)


OF_THE_FULL_EDITION = ("allstation/processing/cluster/", "allstation/processing/archive/parquet.py")
"""Modules that say what is missing before they import it (``require_cluster``, ``require_pyarrow``)."""


def test_no_excluded_module_is_imported_by_the_program(tool):
    for edition, packages in (("classify-only", ["allstation"]), ("full", ["allstation", "training"])):
        excluded = set(tool("parts").excluded_modules(edition))
        for path in (path for name in packages for path in (ROOT / name).rglob("*.py")):
            if edition == "classify-only" and path.relative_to(ROOT).as_posix().startswith(
                OF_THE_FULL_EDITION
            ):
                continue
            wrong = {name for name in _imported(path) if _lies_in(name, excluded)}
            assert not wrong, (
                f"{path.relative_to(ROOT)} imports {wrong}, which the {edition} edition leaves out"
            )


def _lies_below(path: Path, places: tuple[str, ...]) -> bool:
    return path.relative_to(ROOT).as_posix().startswith(places)


@functools.cache
def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _lies_in(name: str, packages: set[str]) -> bool:
    heads = name.split(".")
    return any(".".join(heads[: count + 1]) in packages for count in range(len(heads)))


def test_sources_that_change_while_they_are_frozen_are_noticed(tool, tmp_path):
    digest = tool("sources").digest
    (tmp_path / "allstation" / "__pycache__").mkdir(parents=True)
    module = tmp_path / "allstation" / "a.py"
    module.write_text("a = 1", encoding="utf-8")
    first = digest(tmp_path)
    (tmp_path / "allstation" / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert digest(tmp_path) == first
    module.write_text("a = 2", encoding="utf-8")
    second = digest(tmp_path)
    module.rename(module.with_name("b.py"))
    assert len({first, second, digest(tmp_path)}) == 3


def test_resources_go_in_and_unused_files_stay_out(tool):
    parts = tool("parts")
    found = {folder for _, folder in parts.resource_files("classify-only")}
    assert {"resources/icons", "resources/fonts", "resources/styles", "resources/models"} <= found
    for name in ("PySide6/Qt/lib/libQt6Qml.so.6", "libstdc++.so.6", "PySide6/Qt/translations/qtbase_ja.qm",
                 "tensorflow/include/Eigen/Core", "PIL/_avif.abi.so",
                 "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
                 ):  # fmt: skip
        assert not parts.is_wanted(name)
    for name in ("PySide6/Qt/lib/libQt6Core.so.6", "PySide6/Qt/plugins/platforms/libqxcb.so",
                 "PySide6/Qt/translations/qtbase_de.qm", "cv2/cv2.abi3.so"):  # fmt: skip
        assert parts.is_wanted(name)


# Notices and the bill of materials


def _runtime() -> set[str]:
    """Return the runtime dependencies of this project, and theirs, that are installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["training"]]
    found: set[str] = set()
    waiting = [_name(line) for line in lines]
    while waiting:
        name = waiting.pop()
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += [_name(line) for line in requires if "extra ==" not in line]
    return found


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


@pytest.fixture(scope="module")
def found(tool):
    """Return the components of a program that holds one file of every runtime dependency."""
    sources = []
    for name in _runtime():
        distribution = importlib.metadata.distribution(name)
        sources += [Path(str(distribution.locate_file(file))) for file in (distribution.files or [])[:3]]
    return tool("components").components(sources)


def test_the_notices_cover_every_runtime_dependency_with_licence_and_text(tool, found):
    by_name = {re.sub(r"[-_.]+", "-", one.name).lower(): one for one in found}
    assert _runtime() <= set(by_name)
    for one in found:
        assert one.licence, one.name
        assert one.texts or one.kind == "machine-learning-model", one.name
    text = tool("notices").notices(found)
    for one in found:
        assert f"- {one.name} {one.version}: {one.licence}." in text


def test_the_notices_meet_the_duties_of_the_lgpl(tool, found):
    text = tool("notices").notices(found)
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert re.search(r"Qt \d+\.\d+\.\d+", text)
    assert "for three years" in text
    assert "You may replace them" in text
    named = text.split("are used under the GNU Lesser", maxsplit=1)[0]
    assert "openslide-bin" in named
    assert "https://github.com/openslide/openslide-bin" in text
    for library in ("CharLS", "libdicom", "cairo", "glib", "libtiff", "OpenJPEG"):
        assert f"({library}" in text or f"licenses/{library}/" in text, library


def test_a_component_with_an_unknown_licence_stops_the_build(tool):
    unknown = Message()
    unknown["Name"] = "somebodys-library"
    unknown["License"] = "ask me"
    with pytest.raises(SystemExit, match="somebodys-library"):
        tool("components").licence_of(unknown)


@linux_only
def test_a_file_of_unknown_origin_stops_the_build(tool, tmp_path):
    stray = tmp_path / "libstray.so.1"
    stray.write_bytes(b"")
    with pytest.raises(SystemExit, match="libstray"):
        tool("components").components([stray])


def test_the_bill_of_materials_is_complete_and_the_same_every_time(tool, found, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1735689600")
    bill = tool("sbom").sbom(found, edition="full")
    assert json.dumps(bill) == json.dumps(tool("sbom").sbom(found, edition="full"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    references = [part["bom-ref"] for part in [bill["metadata"]["component"], *bill["components"]]]
    assert len(references) == len(set(references))
    assert {row["ref"] for row in bill["dependencies"]} == set(references)
    assert all(set(row["dependsOn"]) <= set(references) for row in bill["dependencies"])
    purls = {part.get("purl", "").split("@", maxsplit=1)[0] for part in bill["components"]}
    assert {f"pkg:pypi/{name}" for name in _runtime()} <= purls
    models = [part for part in bill["components"] if part["type"] == "machine-learning-model"]
    assert all(re.fullmatch("[0-9a-f]{64}", part["hashes"][0]["content"]) for part in models)


# Linux


def test_the_desktop_entry_takes_paths_and_names_the_file_types():
    text = (PACKAGING / "linux" / "allstation.desktop").read_text("utf-8")
    entry = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert entry["Exec"] == "allstation %F"
    types = set(entry["MimeType"].strip(";").split(";"))
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    declared = ET.parse(PACKAGING / "linux" / "allstation-mime.xml").getroot()  # noqa: S314 - our own file
    assert types == {node.get("type") for node in declared.iter(f"{space}mime-type")}
    globs = {node.get("pattern") for node in declared.iter(f"{space}glob")}
    assert {"*.allcase", "*.allmodel"} <= globs


@needs("desktop-file-validate")
def test_the_desktop_entry_is_valid():
    entry = PACKAGING / "linux" / "allstation.desktop"
    done = subprocess.run(["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@needs("appstreamcli")
def test_the_entry_of_the_software_centre_is_valid(tool, tmp_path):
    target = tmp_path / "org.allstation.allstation.metainfo.xml"
    target.write_text(tool("debian").filled((PACKAGING / "linux" / target.name).read_text("utf-8")), "utf-8")
    done = subprocess.run(
        ["appstreamcli", "validate", "--no-net", "--explain", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def package(tool, tmp_path) -> Path:
    """Return a Debian package of a stand-in program."""
    program = tmp_path / "program"
    (program / "_internal" / "resources").mkdir(parents=True)
    for name in ("allstation", "allstation-cli"):
        shutil.copyfile("/bin/true", program / name)
    (program / "_internal" / "resources" / "a.txt").write_text("a", encoding="utf-8")
    icon = tmp_path / "icon.png"
    icon.write_bytes(b"\x89PNG")
    return tool("debian").build(
        program, tmp_path, edition="classify-only", icons={64: icon}, work=tmp_path / "work"
    )


@linux_only
@needs("dpkg-deb", "objdump")
def test_the_debian_package_is_declarative_and_leaves_homes_alone(package, tool):
    listing = subprocess.run(
        ["dpkg-deb", "-c", str(package)], capture_output=True, text=True, check=True
    ).stdout
    modes = {line.split()[5]: line.split()[0] for line in listing.splitlines()}
    assert modes["./usr/lib/allstation/allstation"] == "-rwxr-xr-x"
    assert modes["./usr/lib/allstation/_internal/resources/a.txt"] == "-rw-r--r--"
    assert {"./usr/share/applications/allstation.desktop", "./usr/share/mime/packages/allstation.xml",
            "./usr/share/man/man1/allstation.1.gz", "./usr/share/doc/allstation-classify/copyright",
            "./usr/share/icons/hicolor/64x64/apps/allstation.png"} <= set(modes)  # fmt: skip
    assert "./usr/bin/allstation -> ../lib/allstation/allstation" in listing
    assert "./usr/lib/allstation/allstation-cli link to ./usr/lib/allstation/allstation" in listing
    assert all(path.startswith("./usr/") or path in {"./", "./usr"} for path in modes)
    members = subprocess.run(
        ["dpkg-deb", "-I", str(package)], capture_output=True, text=True, check=True
    ).stdout
    assert not re.search(r"\b(pre|post)(inst|rm)\b", members)
    assert re.search(r"Version: " + re.escape(tool("parts").version()), members)
    assert re.search(r"Depends: libc6 \(>= \d+\.\d+\)", members)
    assert re.search(r"Conflicts: allstation\n", members)


@linux_only
def test_names_of_debian_packages_follow_debians_rule(tool):
    rule = tool("debian").package_by_rule
    assert rule("libwayland-cursor.so.0") == "libwayland-cursor0"
    assert rule("libEGL.so.1") == "libegl1"
    assert rule("libfoo-2.so.3") == "libfoo-2-3"


def test_the_manual_page_names_every_command_and_option(tool):
    from allstation.commands.arguments import COMMANDS

    page = tool("manual").page()
    sources = (ROOT / "allstation" / "commands").glob("*arguments.py")
    declared = {one for path in sources for one in re.findall(r'"(--[a-z-]+)"', path.read_text("utf-8"))}
    assert {"--model", "--report", "--threads", "--labelled"} <= declared
    for name in COMMANDS:
        assert f".SS {name}".replace("-", r"\-") in page
    for option in declared - {"--help", "--version"}:
        assert option.replace("-", r"\-") in page


@needs("man")
def test_the_manual_page_is_formatted_without_a_complaint(tool, tmp_path):
    target = tmp_path / "allstation.1"
    target.write_text(tool("manual").page(), encoding="utf-8")
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["man", "--warnings", "-l", str(target)], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "allstation PATH" in re.sub(r"[\[\]]", "", done.stdout)


def _compile(code: str, target: Path, *options: str) -> None:
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", str(target), *options],
                   input=code, text=True, check=True)  # fmt: skip


@linux_only
@needs("gcc", "objdump")
def test_libraries_that_nothing_needs_are_left_out(tool, tmp_path):
    _compile("int a(void) { return 1; }", tmp_path / "liba.so.1", "-Wl,-soname,liba.so.1")
    _compile("int b(void) { return 1; }", tmp_path / "libb.so.1", "-Wl,-soname,libb.so.1")
    _compile("int a(void); int m(void) { return a(); }", tmp_path / "module.so", str(tmp_path / "liba.so.1"))
    entries = [("pack/module.so", str(tmp_path / "module.so"), "EXTENSION"),
               ("liba.so.1", str(tmp_path / "liba.so.1"), "BINARY"),
               ("libb.so.1", str(tmp_path / "libb.so.1"), "BINARY"),
               ("_backend.so", str(tmp_path / "libb.so.1"), "EXTENSION")]  # fmt: skip
    kept = [entry[0] for entry in tool("elf").without_unneeded(entries)]
    assert kept == ["pack/module.so", "liba.so.1", "_backend.so"], (
        "modules are loaded by name, also at the top"
    )


@linux_only
@needs("gcc", "strip")
def test_only_named_libraries_lose_their_linkers_tables(tool, tmp_path):
    library = tmp_path / "lib.so"
    _compile("static int hidden(void) { return 7; } int shown(void) { return hidden(); }", library)
    entries = [(f"{folder}/lib.so", str(library), "BINARY") for folder in ("tensorflow/python", "PySide6")]
    made = [Path(source) for _, source, _ in tool("elf").stripped(entries, tmp_path / "made")]
    assert made[0].stat().st_size < library.stat().st_size
    assert made[1] == library
    assert ctypes.CDLL(str(made[0])).shown() == 7


# Windows and macOS


@needs("makensis")
def test_the_windows_set_up_compiles_without_a_warning(tool, tmp_path):
    payload = tmp_path / "payload" / "_internal"
    payload.mkdir(parents=True)
    for name in ("../allstation.exe", "../allstation-cli.exe", "a.dll"):
        (payload / name).write_bytes(b"MZ")
    compiled = tool("windows_setup").compile_setup(
        payload.parent, tmp_path / "ALLStation.exe", edition="classify-only"
    )
    assert compiled.read_bytes()[:2] == b"MZ"


def test_the_windows_set_up_never_removes_a_folder_it_does_not_own():
    script = (PACKAGING / "windows" / "allstation.nsi").read_text("utf-8")
    assert re.findall(r"RMDir /r (.*)", script) == ['"$INSTDIR\\_internal"']
    assert "$DOCUMENTS" not in script
    assert "$LOCALAPPDATA" not in script


def test_the_entitlements_let_a_replaced_library_load():
    import plistlib

    rights = plistlib.loads((PACKAGING / "macos" / "entitlements.plist").read_bytes())
    assert rights["com.apple.security.cs.disable-library-validation"] is True


@needs("shellcheck")
@pytest.mark.parametrize("name", ["linux/start-portable.sh", "linux/allstation-cli", "macos/make-dmg.sh"])
def test_shell_scripts_are_clean(name):
    done = subprocess.run(["shellcheck", str(PACKAGING / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_says_how_to_activate_it_and_runs_files_that_exist():
    text = (PACKAGING / "ci" / "build.yml").read_text("utf-8")
    assert text.startswith("# To activate: copy this file to .github/workflows/build.yml")
    named = set(re.findall(r"packaging/[\w./-]+\.(?:py|txt|sh|yml)", text))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


# The frozen program's own module


def test_the_training_program_is_started_the_same_way_from_source():
    done = subprocess.run(
        [*frozen.training_command(), "--help"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "usage: python -m training" in done.stdout


def test_frozen_the_console_program_is_the_training_child(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ALL Station ü" / "allstation.exe"))
    program = str(tmp_path / "ALL Station ü" / "allstation-cli.exe")
    assert frozen.training_command() == [program, "--training-child"]
    assert frozen.station_command() == [program]


def test_the_switch_runs_the_training_program_with_its_own_arguments():
    code = (
        "import sys; from allstation.frozen import start; from allstation.__main__ import main; "
        "sys.exit(start(main, ['--training-child', *sys.argv[1:]]))"
    )
    for arguments, status in ((["--help"], 0), (["no-such-command"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == status, done.stderr
        assert "python -m training" in done.stdout + done.stderr


def test_the_training_program_says_nothing_of_sources_that_are_not_shipped():
    code = (
        "import logging; from allstation.frozen import start; start(len, ['--training-child', '--help']); "
        "told = logging.getLogger('tensorflow'); told.warning('AutoGraph could not transform f'); "
        "told.warning('something else')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.splitlines() == ["something else"]


def test_the_switch_says_what_to_install_where_training_is_not(monkeypatch, capsys):
    monkeypatch.setattr(frozen, "training_is_installed", lambda: False)
    assert frozen.start(list.count, ["--training-child", "list"]) == 2
    assert "Install the full edition" in capsys.readouterr().err


def test_without_the_switch_the_station_gets_its_arguments():
    assert frozen.start(len, ["classify", "a", "b"]) == 3


def test_children_of_the_frozen_program_get_the_users_library_path(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/allstation/_internal:/users/own")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/users/own")
    monkeypatch.setenv("PYINSTALLER_RESET_ENVIRONMENT", "0")
    frozen.forget_the_wrapping()
    assert os.environ["LD_LIBRARY_PATH"] == "/users/own"
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/allstation/_internal")
    frozen.forget_the_wrapping()
    assert "LD_LIBRARY_PATH" not in os.environ
    # Without it a child that is this program again starts without our libraries: its ssl module did not load.
    assert os.environ["PYINSTALLER_RESET_ENVIRONMENT"] == "1"


def test_a_program_from_its_sources_says_so_and_a_packed_one_which_build_it_is(monkeypatch, tmp_path, tool):
    assert frozen.build_stamp() == "not packed: running from its sources"
    stamp = tmp_path / "resources" / frozen.BUILD_STAMP
    stamp.parent.mkdir(parents=True)
    stamp.write_text(tool("sbom").stamp("full") + "\n", encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert re.fullmatch(
        r"full edition for \w+, \d{4}-\d\d-\d\d(, commit [0-9a-f]{12}\+?)?", frozen.build_stamp()
    )


def test_the_hosts_plugins_are_forgotten_by_the_frozen_program_only(monkeypatch):
    monkeypatch.setenv("QT_PLUGIN_PATH", "/usr/lib/qt6/plugins")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    frozen.forget_the_hosts_plugins()
    assert os.environ["QT_PLUGIN_PATH"] == "/usr/lib/qt6/plugins"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    frozen.forget_the_hosts_plugins()
    assert "QT_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"


# The smoke test's own judgement


def test_the_smoke_test_reports_every_line_that_nobody_expected(tool):
    smoke = tool("person")
    assert smoke.unexpected("done: 6\n\nwritten: a\n", r"done: 6|written: .*") == []
    assert smoke.unexpected("done: 6\nWarning: x\n", r"done: 6") == ["Warning: x"]
    assert smoke.unexpected("anything", "") == ["anything"]


def test_the_smoke_test_starts_what_the_desktop_entry_says(tool):
    entry = PACKAGING / "linux" / "allstation.desktop"
    assert tool("window_steps").desktop_command(entry, ["/a b", "/c"]) == ["allstation", "/a b", "/c"]
    assert tool("window_steps").desktop_command(entry) == ["allstation"]
