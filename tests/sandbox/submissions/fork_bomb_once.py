"""Forks until the kernel refuses, and holds every child."""

import os

from attempts import finish, fork, note, until_refused

read_end, write_end = os.pipe()


def wait():
    os.close(write_end)
    os.read(read_end, 1)  # until the parent closes its end


children = until_refused("fork", lambda: fork(wait), 5000)
note("forked", len(children))
os.close(write_end)
for child in children:
    os.waitpid(child, 0)
finish()
