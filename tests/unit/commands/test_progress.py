from __future__ import annotations

import io

from allstation.commands.progress import ProgressLine, progress_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left():
    assert progress_text(30, 120, 3.0).endswith("30/120  10 fields/s  0:09 left")


def test_before_the_first_field_no_rate_is_made_up():
    assert progress_text(0, 120, 3.0).endswith("] 0/120")


def test_a_terminal_sees_the_end_and_a_file_sees_nothing():
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        line = ProgressLine(2, stream)
        line.update(1)
        line.update(2)
        line.close()
    assert "2/2" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")
    assert file.getvalue() == ""
