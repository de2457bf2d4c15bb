"""Children that nobody waits for."""

import os

from attempts import finish, note, until_refused


def leave():
    if os.fork() == 0:
        os._exit(0)


note("left", len(until_refused("fork", leave, 5000)))
finish()
