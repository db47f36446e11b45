"""Executor of the commands that classify: this machine's threads, or the laboratory's machines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from allstation.commands.printing import note
from allstation.core.known_sizes import KnownSizes
from allstation.core.limits import DecodeLimits

if TYPE_CHECKING:
    from allstation.inference.bundle import ModelBundle
    from allstation.inference.engine_pool import FieldEngine
    from allstation.inference.pipeline import Pipeline
    from allstation.processing.batch import FieldExecutor
    from allstation.processing.cluster.connection import ClusterConnection


@contextmanager
def cluster_of(options: argparse.Namespace) -> Iterator[ClusterConnection | None]:
    """Connect to the machines that were asked for; None for this machine alone.

    Raises:
        StationError: What keeps them from being used.
    """
    if not options.cluster:
        yield None
        return
    from allstation.commands.cluster import linked_and_manned

    with linked_and_manned(options.cluster, options.join, threads=options.threads) as connection:
        yield connection


def make_executor(
    bundle: ModelBundle,
    connection: ClusterConnection | None,
    *,
    threads: int | None,
    limits: DecodeLimits,
    sizes: KnownSizes,
    cells: bool,
    ready: FieldEngine | None = None,
) -> FieldExecutor:
    """Make what classifies the fields of a model.

    Args:
        bundle: The model.
        connection: The laboratory's machines; None for this machine alone.
        threads: Worker threads of this machine; None for one a processor.
        limits: What a field may be at most.
        sizes: What is known of pixel sizes.
        cells: Whether cells are brought along.
        ready: An engine of the model for this machine.
    """
    from allstation.inference.pipeline import Pipeline

    def here() -> Pipeline:
        return Pipeline(bundle, threads=threads, limits=limits, ready=ready, cells=cells, sizes=sizes)

    if connection is None:
        return here()
    from allstation.processing.cluster.executor import ClusterExecutor
    from allstation.processing.cluster.requests import Work

    work = Work(bundle.sha256, limits, sizes, cells)
    return ClusterExecutor(connection, bundle, work, local=here, tell=note)
