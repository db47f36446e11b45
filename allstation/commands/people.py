"""``allstation people``: how reviewers and signers are named, and who has a PIN."""

from __future__ import annotations

import argparse

from allstation.commands import DONE
from allstation.commands.passwords import read_password
from allstation.commands.printing import say
from allstation.keys.people import Naming, People, Person


def run(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    people = People.load()
    if options.action == "list":
        say(f"named by: {people.naming}")
        for name in people.names:
            say(name)
    elif options.action == "add":
        pin = read_password(f"New PIN of {options.name}", None, twice=True)
        say(f"written: {people.adding(Person.with_pin(options.name, pin)).save()}")
    elif options.action == "remove":
        say(f"written: {people.without(options.name).save()}")
    else:
        say(f"written: {people.named(Naming(options.action)).save()}")
    return DONE
