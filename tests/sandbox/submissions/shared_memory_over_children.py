"""Shared anonymous mappings, each in a process of its own: no process seems large."""

import mmap
import os

from attempts import CANARIES, fork

share = CANARIES["memory_mb"] // 3
read_end, write_end = os.pipe()
ready_read, ready_write = os.pipe()


def hoard():
    os.close(write_end)
    kept = mmap.mmap(-1, share << 20)
    for offset in range(0, share << 20, 4096):
        kept[offset] = 255
    os.write(ready_write, b".")
    os.read(read_end, 1)


for _ in range(8):
    fork(hoard)
# The other end of what they wait for stays open here: none of them ends by itself.
while os.read(ready_read, 1):
    pass
