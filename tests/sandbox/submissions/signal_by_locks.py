"""Locks, leases and watches on files that two runs share: a channel between them."""

import fcntl
import os
import struct
import sys

from attempts import FEATURES, attempt, finish, syscall

F_OFD_SETLK, F_NOTIFY, F_SETLEASE = 37, 1026, 1024
lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)
for name, path in {"interpreter": os.path.realpath(sys.executable), "features": FEATURES, "submission": __file__, "null": "/dev/null", "library": os.__file__}.items():
    number = os.open(path, os.O_RDONLY)
    attempt(f"flock {name}", fcntl.flock, number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attempt(f"flock shared {name}", fcntl.flock, number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    attempt(f"record lock {name}", fcntl.fcntl, number, fcntl.F_SETLK, lock)
    attempt(f"open file description lock {name}", fcntl.fcntl, number, F_OFD_SETLK, lock)
    attempt(f"lease {name}", fcntl.fcntl, number, F_SETLEASE, fcntl.F_RDLCK)
    attempt(
        f"watch the folder of {name}",
        lambda: fcntl.fcntl(os.open(os.path.dirname(path), os.O_RDONLY), F_NOTIFY, 1),
    )
attempt("inotify_init1", syscall, "inotify_init1", 0)
attempt("fanotify_init", syscall, "fanotify_init", 0, 0)
finish()
