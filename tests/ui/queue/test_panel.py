"""The queue's sentences."""

from __future__ import annotations

from allstation.core.records import FieldState
from allstation.processing.status_types import QueuePhase, QueueStatus
from allstation.ui.queue.panel import finished_sentence, sentence


def test_cells_that_follow_are_told_while_nothing_else_is_and_not_when_the_queue_ends() -> None:
    counts = {FieldState.DONE: 9}
    status = QueueStatus(QueuePhase.IDLE, counts, cells=4)
    assert "finding the cells of 4 fields" in sentence(status)
    assert "cells" not in finished_sentence(status)
    assert "cells" not in sentence(QueueStatus(QueuePhase.RUNNING, counts, 3.0, cells=4))
    assert "cells" not in sentence(QueueStatus(QueuePhase.IDLE, counts))
