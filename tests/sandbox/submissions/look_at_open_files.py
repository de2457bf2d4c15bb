"""Looks for files that somebody left open."""

import os

from attempts import finish, note

opened = {}
for number in range(4096):
    try:
        opened[number] = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        continue
note("open", opened)
note("stdin", os.read(0, 16).decode() if 0 in opened else "closed")
readable = []
for number in range(3, 4096):
    try:
        readable.append([number, os.read(number, 4096).decode(errors="replace")])
    except OSError:
        continue
note("readable", readable)
finish()
