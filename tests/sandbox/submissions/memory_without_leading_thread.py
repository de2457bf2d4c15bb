"""Processes whose first thread has ended show nothing in /proc/PID/smaps: memory taken by their other threads."""

import os
import threading

from attempts import CANARIES, fork, syscall

share = CANARIES["memory_mb"] // 3
read_end, write_end = os.pipe()
ready_read, ready_write = os.pipe()


def hoard():
    os.close(write_end)
    kept = [b"\xff" * (1 << 20) for _ in range(share)]
    os.write(ready_write, b".")
    os.read(read_end, 1)
    return kept


def leave_a_thread():
    threading.Thread(target=hoard).start()
    syscall("exit", 0)


for _ in range(8):
    fork(leave_a_thread)
# The other end of what they wait for stays open here: none of them ends by itself.
while os.read(ready_read, 1):
    pass
