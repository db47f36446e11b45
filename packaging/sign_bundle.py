"""Signs the model bundles that ship, and writes the public key for the program.

    python packaging/sign_bundle.py --new-key release.key --name "ALL Station releases"
    python packaging/sign_bundle.py --key release.key
    python packaging/sign_bundle.py --development

A release key is made once, closed with a password (asked for) and kept by whoever releases. A development
key is used once and forgotten: what it signed proves only that nobody changed it since.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import sys
from pathlib import Path

from allstation.core.errors import StationError
from allstation.inference.bundle import SUFFIX, ModelBundle, write_signature_file
from allstation.inference.bundle_archive import DETACHED_SUFFIX
from allstation.inference.reference import MEMBER
from allstation.keys.laboratory import make_laboratory_key, open_laboratory_key
from allstation.keys.release import FILE, RELEASE
from allstation.keys.signing import SigningKey, new_secret

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
DEVELOPMENT = "ALL Station development key (not a release)"


def sign_all(key: SigningKey, resources: Path) -> list[Path]:
    """Sign every bundle that ships, and write who signed and which bundles these are.

    Args:
        key: The release's.
        resources: Folder with ``models`` and ``keys``.

    Returns:
        The signed bundles.
    """
    signed, listed = sorted((resources / "models").glob(f"*{SUFFIX}")), []
    for path in signed:
        path.with_name(path.name + DETACHED_SUFFIX).unlink(missing_ok=True)
        bundle = ModelBundle.open(path)
        write_signature_file(bundle, key)
        reference = hashlib.sha256(bundle.read(MEMBER)).hexdigest()
        listed.append({"name": bundle.name, "version": bundle.version, "reference": reference})
    target = resources / FILE
    target.parent.mkdir(exist_ok=True)
    keys, bundles = _earlier(target, key, listed)
    document = {
        "keys": [{"key": key.public.text, "name": key.name}, *keys],
        "bundles": [{**one, "key": key.public.text} for one in listed] + bundles,
    }
    target.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return signed


def _earlier(
    target: Path, key: SigningKey, listed: list[dict[str, str]]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return keys and bundles of earlier releases, which people still have.

    Of development keys, whose secrets are forgotten, only those stay that signed such a bundle.
    """
    if not target.is_file():
        return [], []
    known = json.loads(target.read_text("utf-8"))
    now = {(one["name"], one["version"]) for one in listed}
    bundles = [one for one in known["bundles"] if (one["name"], one["version"]) not in now]
    used = {one.get("key") for one in bundles}
    keys = [one for one in known["keys"] if one["name"] != DEVELOPMENT or one["key"] in used]
    return [one for one in keys if one["key"] != key.public.text], bundles


def _new_key(path: Path, name: str) -> None:
    password = getpass.getpass("Password for the new key: ")
    if getpass.getpass("Again: ") != password:
        raise StationError("weak-password", "The two passwords differ.")
    public = make_laboratory_key(path, name=name, password=password)
    print(f"{path}: key {public.fingerprint}. Keep it off the network and a copy of it elsewhere.")


def _key(options: argparse.Namespace) -> SigningKey:
    if options.development:
        return SigningKey(new_secret(), name=DEVELOPMENT, role=RELEASE)
    opened = open_laboratory_key(options.key, getpass.getpass("Password of the key: "))
    return opened.as_role(RELEASE)


def main() -> int:
    """Make a key, or sign."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--new-key", type=Path, metavar="FILE", help="make a release key")
    what.add_argument("--key", type=Path, metavar="FILE", help="sign with a release key")
    what.add_argument("--development", action="store_true", help="sign with a key that is forgotten")
    parser.add_argument("--name", default="ALL Station releases", help="of the new key")
    parser.add_argument("--resources", type=Path, default=RESOURCES)
    options = parser.parse_args()
    try:
        if options.new_key:
            _new_key(options.new_key, options.name)
            return 0
        key = _key(options)
        for path in sign_all(key, options.resources):
            print(f"{path.name}: signed by {key.name}, key {key.public.fingerprint}")
    except StationError as error:
        print(error.sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
