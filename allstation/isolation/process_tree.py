"""End of a process together with everything it started."""

from __future__ import annotations


def kill_tree(pid: int) -> None:
    """End a process and all its descendants at once."""
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family[:-1], timeout=1)
