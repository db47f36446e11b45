"""``allstation people``: how reviewers and signers are named, and who has a PIN."""

from __future__ import annotations

import argparse

from allstation.commands import DONE
from allstation.commands.printing import asked_password, say
from allstation.core.errors import StationError
from allstation.keys.people import Naming, People, Person


def run(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    people = People.load()
    if options.action == "list":
        say(f"named by: {people.naming}")
        for name in people.names:
            say(name)
    elif options.action == "add":
        pin = asked_password(f"New PIN of {options.name}: ")
        if asked_password("Again: ") != pin:
            raise StationError("weak-pin", "The two PINs differ: nothing was changed.")
        say(f"written: {people.adding(Person.with_pin(options.name, pin)).save()}")
    elif options.action == "remove":
        say(f"written: {people.without(options.name).save()}")
    else:
        say(f"written: {people.named(Naming(options.action)).save()}")
    return DONE
