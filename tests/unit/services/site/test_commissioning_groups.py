"""Groups of a commissioning outlive the naming of patients: what was tested stays tested, as a whole."""

from __future__ import annotations

from allstation.services.site.commissioning_cells import lasting_groups
from allstation.store.site.commissioning_record import CommissioningRecord, TestPart

SLIDES = ("slide 1", "slide 2", "slide 2", "slide 3")
TESTED = CommissioningRecord(tests=(TestPart(cells=(7,), groups=("slide 3",)),))


def test_slides_are_the_groups_while_no_patient_is_known():
    assert lasting_groups(SLIDES, ("",) * 4, CommissioningRecord()) == SLIDES


def test_the_slides_of_a_patient_are_one_group_beside_slides_of_nobody():
    found = lasting_groups(SLIDES, ("P", "", "", "P"), CommissioningRecord())
    assert found == ("slide 1", "slide 2", "slide 2", "slide 1")


def test_a_patient_named_after_the_test_belongs_to_the_test_with_every_slide():
    assert lasting_groups(SLIDES, ("P", "", "", "P"), TESTED) == ("slide 3", "slide 2", "slide 2", "slide 3")
    kept = CommissioningRecord(apart=("slide 2",))
    assert lasting_groups(SLIDES, ("P", "P", "P", ""), kept) == ("slide 2", "slide 2", "slide 2", "slide 3")
