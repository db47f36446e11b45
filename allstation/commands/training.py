"""``allstation check`` and ``allstation train``: hand over to the training program.

Training is a program of its own, so that this one never loads TensorFlow.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from allstation.core.errors import StationError


def run(options: argparse.Namespace) -> int:
    """Start the training program with the same arguments and return its status."""
    if importlib.util.find_spec("training") is None:
        sentence = "This edition cannot train. Install the full edition of ALL Station to check and train."
        raise StationError("no-training", sentence)
    command = [sys.executable, "-m", "training", options.command, *options.rest]
    return subprocess.run(command, check=False).returncode
