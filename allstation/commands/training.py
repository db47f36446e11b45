"""``allstation check``, ``train`` and ``sweep``: start the training program.

Training is a program of its own, so that this one never loads TensorFlow.
"""

from __future__ import annotations

import argparse
import os
import subprocess

from allstation.core.errors import StationError
from allstation.core.events import TYPED_AS
from allstation.frozen import training_command, training_is_installed


def run(options: argparse.Namespace) -> int:
    """Start the training program with the same arguments and return its status.

    Raises:
        StationError: ``no-training`` in the edition that cannot train.
    """
    if not training_is_installed():
        sentence = "This edition cannot train. Install the full edition of ALL Station to check and train."
        raise StationError("no-training", sentence)
    command = [*training_command(), options.command, *options.rest]
    return subprocess.run(command, check=False, env={**os.environ, TYPED_AS: "allstation"}).returncode
