"""Kills workers and schedulers, cuts the network, and counts what is lost or double. Status 1 if anything is.

Real processes, real TLS, the shipped network: cases are classified on two workers of this machine while these
are killed at random. After each round every field of the case must have exactly one prediction of the model,
a field that kills whoever decodes it must be left out by name, and the audit trail must hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import distributed

from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.processing.cluster import serve
from allstation.processing.cluster.requests import IDENTITY
from tests.faults.cluster_refusals import refusals
from tests.faults.cluster_rounds import Tally, round_of_loss, rounds_of_poison, rounds_of_worker_kills
from tests.faults.trials import TrialFile


def versions() -> dict[str, str]:
    """Return the versions that trials must have in common to be added up."""
    return {
        "allstation": IDENTITY,
        "distributed": distributed.__version__,
        "python": platform.python_version(),
    }


def result(tally: Tally, said: dict[str, str], seconds: float, command: str, seed: int) -> dict[str, Any]:
    """Return the figures of this trial as they are committed."""
    return {
        "what": "SIGKILL of workers and schedulers, a cut network, while cases are classified on a cluster",
        "command": command,
        "seed": seed,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(seconds),
        "machine": f"{os.cpu_count()} processors shared with other work, {platform.system()}",
        "load_averages": [min(tally.loads, default=0.0), max(tally.loads, default=0.0)],
        "versions": versions(),
        "kills": dict(tally.kills),
        "rounds": dict(tally.rounds),
        "fields_classified": tally.fields,
        "tasks_lost_and_made_up_for": tally.tasks_lost,
        "workers_started_again": tally.restarts,
        "poisoned_fields": tally.poisoned,
        "workers_that_a_poisoned_field_cost": tally.workers_per_poison,
        "rounds_that_went_on_here": tally.fell_back,
        "seconds_until_this_machine_went_on": tally.seconds_to_fall_back,
        "refusals": said,
        "problems": tally.problems,
    }


@dataclass(frozen=True)
class Wanted:
    """What a trial is to do.

    Attributes:
        kills: Workers to kill.
        schedulers: Schedulers to kill.
        cuts: Networks to cut.
        poisons: Rounds with a poisoned field and nobody killed.
        until: End of the killing of workers (monotonic).
    """

    kills: int
    schedulers: int
    cuts: int
    poisons: int
    until: float


def wanted(options: argparse.Namespace, trials: TrialFile, began: float) -> Wanted:
    """Return what is left to do: with ``--resume`` what earlier trials of these versions did counts."""

    def left(number: int, kind: str, name: str) -> int:
        done = trials.counted(kind, name, versions()) if options.resume else 0
        return max(0, number - done)

    return Wanted(
        left(options.kills, "kills", "worker"),
        left(options.losses, "kills", "scheduler killed"),
        left(options.losses, "kills", "network cut"),
        left(options.poisons, "rounds", "poisoned field alone"),
        began + 60 * options.minutes,
    )


def trial(wanted: Wanted, seed: int, tally: Tally, keep: Callable[[dict[str, str]], None]) -> None:
    """Do what is wanted, and hand over what was said after each round."""
    dice, bundle, said = random.Random(seed), ModelBundle.open(default_bundle_path()), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="allstation-kill-cluster-") as text:
        place = Path(text)
        os.environ["ALLSTATION_PROFILE"] = str(place / "kills" / "cluster" / "profile")
        source = write_demo(place / "source", fields=12, seed=seed)
        if wanted.schedulers or wanted.cuts:
            said = refusals(place / "refusals", source, bundle, tally)
        if wanted.poisons:
            os.environ["ALLSTATION_PROFILE"] = str(place / "poison" / "cluster" / "profile")
            rounds_of_poison(place / "poison", source, bundle, tally, rounds=wanted.poisons)
            keep(said)
        for number in range(max(wanted.schedulers, wanted.cuts)):
            for cut, most in ((False, wanted.schedulers), (True, wanted.cuts)):
                if number < most:
                    round_of_loss(place / f"loss-{number}-{cut}", source, bundle, dice, tally, cut=cut)
                    keep(said)
        if wanted.kills:
            os.environ["ALLSTATION_PROFILE"] = str(place / "kills" / "cluster" / "profile")
            rounds_of_worker_kills(
                place / "kills", source, bundle, dice, tally,
                kills=wanted.kills, until=wanted.until, keep=lambda: keep(said),
            )  # fmt: skip


def main() -> int:
    """Run from the command line; status 1 if anything was lost or double in any trial."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--losses", type=int, default=5, help="scheduler kills, and as many network cuts")
    parser.add_argument("--poisons", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of killing workers, at most")
    parser.add_argument("--resume", action="store_true", help="what trials in the result did already counts")
    parser.add_argument("--result", type=Path, help="JSON; this trial is added to those in it")
    options = parser.parse_args()
    # The pause before a worker that keeps dying is started again would only make this longer.
    serve._LONGEST_PAUSE = 0.5
    began, tally, trials = time.monotonic(), Tally(), TrialFile(options.result)
    # Slices of one run draw other kills.
    seed = options.seed + (len(trials.earlier) if options.resume else 0)
    words = ["RESULT.json" if word == str(options.result) else word for word in sys.argv[1:]]
    command = " ".join(["python tests/faults/kill_cluster.py", *words])

    def keep(said: dict[str, str]) -> None:
        trials.keep(result(tally, said, time.monotonic() - began, command, seed))
        sys.stderr.write(f"{dict(tally.kills)}, {tally.problems}\n")

    trial(wanted(options, trials, began), seed, tally, keep)
    content = trials.content
    sys.stdout.write(json.dumps({key: content.get(key) for key in ("kills", "rounds", "problems")}) + "\n")
    return 1 if content.get("problems") or tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
