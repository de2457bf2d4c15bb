"""Takes memory without end in eight processes, each of which stays below the limit."""

import os

from attempts import CANARIES, fork

share = CANARIES["memory_mb"] // 3
read_end, write_end = os.pipe()
ready_read, ready_write = os.pipe()


def hoard():
    os.close(write_end)
    kept = [b"\xff" * (1 << 20) for _ in range(share)]
    os.write(ready_write, b".")
    os.read(read_end, 1)
    return kept


for _ in range(8):
    fork(hoard)
# The other end of what they wait for stays open here: none of them ends by itself.
while os.read(ready_read, 1):
    pass
