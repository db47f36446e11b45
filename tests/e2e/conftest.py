"""End-to-end tests of the window stand under the same guards as its unit tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_GUARDS = Path(__file__).parent.parent / "ui" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("ui_guards", _GUARDS)
assert _SPEC is not None
assert _SPEC.loader is not None
_guards = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_guards)

no_modal_exec = _guards.no_modal_exec
nothing_left_running = _guards.nothing_left_running
expected_log = _guards.expected_log
no_log_warnings = _guards.no_log_warnings
