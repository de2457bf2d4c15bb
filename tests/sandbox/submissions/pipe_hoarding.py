"""Fills pipes, widened as far as the kernel lets, and keeps them."""

import fcntl
import os

from attempts import attempt, finish, note, until_refused

F_SETPIPE_SZ = 1031


def fill():
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"\xff" * 65536)
    except BlockingIOError:
        return read_end, write_end


kept = until_refused("pipe", fill, 5000)
note("filled", len(kept))
attempt("widen a pipe to 64 MB", fcntl.fcntl, kept[0][1], F_SETPIPE_SZ, 64 << 20)
for pair in kept:
    for end in pair:
        os.close(end)
finish()
