"""Functions that Dask calls on a worker. They take and return bytes; what they need hangs on the worker."""

from __future__ import annotations

from typing import Final

from distributed import Worker, get_worker

from allstation.processing.cluster.node import Node

_NODE: Final = "allstation_node"


def attach(worker: Worker, node: Node) -> None:
    """Give a worker its node."""
    setattr(worker, _NODE, node)


def node_of(worker: Worker) -> Node:
    """Return the node of a worker; one of a laboratory's own cluster gets one now."""
    node: Node = worker.__dict__.setdefault(_NODE, Node(threads=worker.state.nthreads))
    return node


def classify_fields(request: bytes) -> bytes:
    """Answer a request for fields (:class:`.requests.Request`)."""
    worker = get_worker()
    return node_of(worker).classify(request, worker.address)


def receive_model(sha256: str, data: bytes, dask_worker: Worker) -> bytes:
    """Keep a model bundle on this worker; empty if it did not arrive as it is."""
    return b"kept" if node_of(dask_worker).receive_model(sha256, data) else b""


def facts(sha256: str, dask_worker: Worker) -> bytes:
    """Return what this worker's machine is (:class:`.requests.MachineFacts`)."""
    return node_of(dask_worker).facts(sha256)
