"""Workers of another version or without the share, and wrong certificates: what is said of each."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from allstation.core.errors import StationError
from allstation.inference.bundle import ModelBundle
from allstation.keys import cluster_certificates
from allstation.processing.cluster import serve
from allstation.processing.cluster.address import ClusterAddress
from allstation.processing.cluster.connection import ClusterConnection
from tests import cluster_makers
from tests.faults.cluster_rounds import Round, Tally


def refusals(place: Path, source: list[Path], bundle: ModelBundle, tally: Tally) -> dict[str, str]:
    """Return what is said of a worker of another version, of one without the share, of wrong certificates."""
    said: dict[str, str] = {}
    os.environ["ALLSTATION_PROFILE"] = str(place / "cluster" / "profile")
    told: list[str] = []
    with cluster_makers.cluster(place / "cluster", workers=1, tell=told.append) as link:
        assert link.hub is not None
        other = "import allstation; allstation.__version__ = '0.0.1'; "
        begin = "import sys; from allstation.__main__ import main; sys.exit(main(sys.argv[1:]))"
        words = ["worker", link.hub.url, "--one", "--threads", "1"]
        ended = subprocess.Popen(
            [*cluster_makers.python(other + begin), *words],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert ended.stderr is not None
        sentence = ended.stderr.read().strip().splitlines()[-1:]
        said["worker of another version"] = f"status {ended.wait()}: {''.join(sentence)}"
        if ended.returncode != serve.REFUSED:
            tally.problems.append("a worker of another version was not refused")
        quiet = (
            "import allstation.processing.cluster.serve as s\nasync def no(*a): pass\ns._check_version = no\n"
        )
        mixed = subprocess.Popen(
            [*cluster_makers.python(other + "\n" + quiet + begin), *words],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        blind = subprocess.Popen(
            [*cluster_makers.python(begin), *words, "--share", f"{place}=/nowhere"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while len(link.machines) < 3 and time.monotonic() < until:
            time.sleep(0.1)
        one = Round(place / "mixed", source, bundle, poison=False)
        one.run(link, tally)
        one.look(tally, "mixed versions, one without the share")
        said["worker of another version that joined"] = next((s for s in told if "version" in s), "")
        said["worker without the share"] = next((s for s in told if "does not see" in s), "")
        for process in (mixed, blind, ended):
            process.kill()
            process.wait()
            process.stdin.close()  # type: ignore[union-attr]
        os.environ["ALLSTATION_PROFILE"] = str(place / "stranger")
        try:
            ClusterConnection(
                ClusterAddress(link.hub.url), certificates=cluster_certificates.own_certificates()
            )
        except StationError as error:
            said["wrong certificates"] = error.sentence
    tally.problems += [f"nothing was said: {what}" for what, sentence in said.items() if not sentence]
    return {what: _without_ports(sentence) for what, sentence in said.items()}


def _without_ports(sentence: str) -> str:
    words = [word.rpartition(":")[0] + ":PORT" if "://" in word else word for word in sentence.split()]
    return " ".join("MACHINE" if platform.node() in word else word for word in words)
