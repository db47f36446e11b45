"""Write the software bill of materials of a frozen program: CycloneDX 1.6, the same bytes for the same build.

python packaging/sbom.py COLLECTED.json TARGET.json
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import components as shipped
import parts

_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_NAMESPACE = uuid.UUID("6f2f6a1e-6d3b-5b0a-9a54-0d7f2f1d9c11")


def sbom(found: Iterable[shipped.Component], *, edition: str) -> dict[str, Any]:
    """Return the bill of materials as plain data.

    Args:
        found: The components of one frozen program.
        edition: ``full`` or ``classify-only``.
    """
    found = list(found)
    listed = [_component(one) for one in found]
    reference = f"{parts.APP_ID}@{parts.version()}"
    application: dict[str, Any] = {
        "type": "application",
        "bom-ref": reference,
        "name": parts.APP_NAME,
        "version": parts.version(),
        "description": f"{edition} edition for {sys.platform}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    if commit():
        application["properties"] = [{"name": f"{parts.APP_ID}:commit", "value": commit()}]
    content = json.dumps([application, listed], sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}",
        "version": 1,
        "metadata": {"timestamp": build_time().isoformat(), "component": application},
        "components": listed,
        "dependencies": _dependencies(reference, found),
    }


def build_time() -> datetime.datetime:
    """Return the time that stands for this build: the commit's, so that a rebuild says the same."""
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not stated:
        command = ["git", "-C", str(parts.ROOT), "log", "-1", "--format=%ct"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        stated = done.stdout.strip() or "0"
    return datetime.datetime.fromtimestamp(int(stated), tz=datetime.UTC)


def commit() -> str:
    """Return the commit that is being built, with a plus sign if files differ from it; empty outside git."""
    asked = ["git", "-C", str(parts.ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def stamp(edition: str) -> str:
    """Return the one line that says which build this is."""
    date = build_time().date().isoformat()
    made_of = f", commit {commit()}" if commit() else ""
    return f"{edition} edition for {sys.platform}, {date}{made_of}"


def _reference(one: shipped.Component) -> str:
    return one.purl or f"{one.name}@{one.version}"


def _component(one: shipped.Component) -> dict[str, Any]:
    kinds = {"font": "file"}
    listed: dict[str, Any] = {
        "type": kinds.get(one.kind, one.kind),
        "bom-ref": _reference(one),
        "name": one.name,
        "version": one.version,
        "licenses": [_licence(one.licence)],
    }
    if one.purl:
        listed["purl"] = one.purl
    if one.sha256:
        listed["hashes"] = [{"alg": "SHA-256", "content": one.sha256}]
    if one.homepage:
        listed["externalReferences"] = [{"type": "website", "url": one.homepage}]
    return listed


def _licence(text: str) -> dict[str, Any]:
    if not _EXPRESSION.fullmatch(text) or "Bootloader" in text:
        return {"license": {"name": text}}
    return {"expression": text} if " " in text else {"license": {"id": text}}


def _dependencies(application: str, found: list[shipped.Component]) -> list[dict[str, Any]]:
    by_name = {shipped.normalised(one.name): _reference(one) for one in found}
    needs = {_reference(one): sorted(by_name[name] for name in one.needs if name in by_name) for one in found}
    top = sorted(set(needs) - {reference for wanted in needs.values() for reference in wanted})
    return [
        {"ref": application, "dependsOn": top},
        *({"ref": reference, "dependsOn": wanted} for reference, wanted in sorted(needs.items())),
    ]


def main(arguments: list[str]) -> int:
    """Write the bill of materials of one build."""
    collected, target = map(Path, arguments)
    edition = json.loads(collected.read_text("utf-8"))["edition"]
    bill = sbom(shipped.components(*shipped.read_collected(collected)), edition=edition)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
