"""``allstation models``: list, show, verify, accept and sign model bundles."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation import paths
from allstation.commands import DONE, SOME_FAILED
from allstation.commands.passwords import read_password
from allstation.commands.printing import say, say_lines
from allstation.core.errors import StationError
from allstation.core.plain_json import json_text
from allstation.core.records import TRUST
from allstation.core.text import shown_name
from allstation.inference.bundle import SUFFIX, ModelBundle, default_bundle_path, write_signature_file
from allstation.keys.laboratory import open_laboratory_key
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore


def known_bundles() -> list[Path]:
    """Return the shipped bundle and those of the user, shipped first."""
    own = paths.data_folder() / "models"
    return [default_bundle_path(), *sorted(own.glob(f"*{SUFFIX}"))]


def run(options: argparse.Namespace) -> int:
    """Do the chosen action; a bundle that fails is named and the status is 1."""
    if options.action == "list":
        return _list()
    bundle = ModelBundle.open(options.bundle or default_bundle_path())
    if options.action == "show":
        say_lines(
            json_text({**bundle.info, "sha256": bundle.sha256, TRUST: bundle.trust.to_json()}, indent=2)
        )
        return DONE
    if options.action == "accept":
        TrustStore.load().accepting(bundle.sha256, name=bundle.name).save()
        say(f"accepted: {_title(bundle)}, {bundle.trust.text}; reports go on saying so")
        return DONE
    if options.action == "sign":
        return _sign(bundle, options.key)
    from allstation.inference.reference import verify_reference  # the engine is loaded for this alone

    difference = verify_reference(bundle)
    say(f"{_title(bundle)}: checksums match; reference fields differ by at most {difference:.1e}; "
        f"{bundle.trust.text}")  # fmt: skip
    return SOME_FAILED if bundle.trust.impostor else DONE


def _title(bundle: ModelBundle) -> str:
    return f"{shown_name(bundle.name)} {shown_name(bundle.version)}"


def _kind(bundle: ModelBundle) -> tuple[str, ...]:
    """Say what a model that reads cells is, and on which one it stands."""
    if not bundle.is_site:
        return ()
    base = bundle.info["base"]
    title = f"{shown_name(base['name'])} {shown_name(base['version'])}"
    return (f"names fields by cells of its site, based on {title} ({base['sha256'][:12]})",)


def _sign(bundle: ModelBundle, key: Path | None) -> int:
    """Sign a bundle with the key of a laboratory, or with this station's."""
    signer = (
        station_key() if key is None else open_laboratory_key(key, read_password(f"Password of {key}", None))
    )
    try:
        written = write_signature_file(bundle, signer)
    except OSError as error:
        sentence = (
            f"No signature can be written beside {shown_name(bundle.path)} ({error.strerror or error})."
        )
        raise StationError("not-written", sentence) from error
    say(f"written: {shown_name(str(written))}, signed by {shown_name(signer.name)}")
    return DONE


def _list() -> int:
    status = DONE
    for path in known_bundles():
        try:
            bundle = ModelBundle.open(path)
        except StationError as error:
            say(f"refused  {error.sentence}")
            status = SOME_FAILED
        else:
            classes = ", ".join(bundle.classes)
            about = (_title(bundle), bundle.sha256[:12], bundle.trust.text, *_kind(bundle), classes, path)
            say("  ".join(map(str, about)))
    return status
