"""Opens as many files as it may, at the highest numbers."""

import fcntl
import os

from attempts import attempt, finish, note, until_refused

kept = until_refused("open", lambda: os.open("/dev/null", os.O_RDONLY), 100_000)
note("opened", len(kept))
for number in kept:
    os.close(number)
attempt("dup2 to a million", os.dup2, 1, 1_000_000)
attempt("F_DUPFD from a million", fcntl.fcntl, 1, fcntl.F_DUPFD, 1_000_000)
finish()
