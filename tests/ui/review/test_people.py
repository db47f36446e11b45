"""People in the window: named by typing, by login or by a PIN, as the laboratory wants it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from allstation.keys import people as people_module
from allstation.keys.people import Naming, People, Person
from allstation.paths import login_name
from allstation.ui.main_window.workbench import Workbench
from tests.ui.named import button

LONG = 60_000


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_module, "_COST", 2**4)


def test_a_pin_names_the_reviewer(window: Workbench, qtbot: QtBot) -> None:
    controller = window.people_controller
    controller.open()
    dialog = controller.dialog
    assert dialog is not None
    dialog.choices[Naming.PIN].click()
    qtbot.waitUntil(lambda: "Nobody has a PIN yet" in dialog.message.text(), timeout=LONG)
    assert dialog.choices[Naming.TYPED].isChecked()
    dialog.name.setText("Ada")
    dialog.pin.setText("246810")
    dialog.again.setText("246811")
    button(dialog, "Give PIN").click()
    assert dialog.message.text() == "The two PINs differ."
    dialog.again.setText("246810")
    button(dialog, "Give PIN").click()
    qtbot.waitUntil(lambda: dialog.people.count() == 1, timeout=LONG)
    dialog.choices[Naming.PIN].click()
    qtbot.waitUntil(lambda: controller.pin_dialog is not None, timeout=LONG)
    assert window.review.reviewer == ""
    pin = controller.pin_dialog
    assert pin is not None
    pin.pin.setText("111111")
    pin.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    qtbot.waitUntil(lambda: "not the PIN of Ada" in pin.message.text(), timeout=LONG)
    assert window.review.reviewer == ""
    pin.pin.setText("246810")
    pin.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    qtbot.waitUntil(lambda: window.review.reviewer == "Ada", timeout=LONG)
    assert window.context.selection.reviewer == "Ada"
    assert People.load().naming is Naming.PIN
    assert "246810" not in people_module.people_path().read_text()
    dialog.close()


def test_the_login_names_the_reviewer(window: Workbench, qtbot: QtBot) -> None:
    window.review_controller.set_reviewer("Somebody")
    window.people_controller.open()
    dialog = window.people_controller.dialog
    assert dialog is not None
    dialog.choices[Naming.LOGIN].click()
    qtbot.waitUntil(lambda: window.review.reviewer == login_name(), timeout=LONG)
    dialog.choices[Naming.TYPED].click()
    qtbot.waitUntil(lambda: People.load().naming is Naming.TYPED, timeout=LONG)
    dialog.close()


def test_a_pin_of_one_is_not_anothers() -> None:
    people = People().adding(Person.with_pin("Ada", "246810")).adding(Person.with_pin("Grace", "135790"))
    people = people.named(Naming.PIN)
    assert people.identify(" ada ", "246810") == "Ada"
    for name, pin in (("Ada", "135790"), ("Eve", "246810"), ("", ""), ("Ada", "")):
        with pytest.raises(people_module.StationError):
            people.identify(name, pin)
    assert people.without("ADA").names == ("Grace",)
    assert Person.with_pin("Ada", "246810").hash != Person.with_pin("Ada", "246810").hash


@pytest.mark.parametrize("pin", ["", "12345", "111111"])
def test_a_weak_pin_is_refused(pin: str) -> None:
    with pytest.raises(people_module.StationError, match="at least 6"):
        Person.with_pin("Ada", pin)


def test_a_list_that_cannot_be_read_lets_nobody_through() -> None:
    people_module.people_path().parent.mkdir(parents=True, exist_ok=True)
    people_module.people_path().write_text("{}")
    with pytest.raises(people_module.StationError, match="cannot be read"):
        People.load()
