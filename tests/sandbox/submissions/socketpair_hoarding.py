"""Fills the buffers of socket pairs, which are the kernel's memory, in many processes."""

import os
import socket

from attempts import finish, fork, note, until_refused

ready_read, ready_write = os.pipe()
read_end, write_end = os.pipe()


def fill():
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
        try:
            while True:
                end.send(b"\xff" * 65536)
        except BlockingIOError:
            pass
    return pair


def hoard():
    os.close(write_end)
    pairs = until_refused("socketpair in a child", fill, 5000)
    os.write(ready_write, bytes([min(len(pairs), 255)]))
    os.read(read_end, 1)


kept = until_refused("socketpair", fill, 5000)
note("filled", len(kept))
del kept
children = [fork(hoard) for _ in range(8)]
note("filled by children", sum(os.read(ready_read, 1)[0] for _ in children))
os.close(write_end)
for child in children:
    os.waitpid(child, 0)
finish()
