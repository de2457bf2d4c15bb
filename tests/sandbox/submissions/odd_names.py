"""Odd and very long names, deep folders, and a folder tree too deep for a path."""

import os

from attempts import attempt, finish, note

for name in ("‮gnp.exe", "​", "a\nb", "\x1b[31mred", "é", "é", "\udcff\udcfe", "-rf", "COM1", " ", "😀" * 60):
    attempt(f"name {name!a}", os.close, os.open(os.path.join("/tmp", name), os.O_CREAT | os.O_WRONLY))
attempt("a name of 256 bytes", os.mkdir, "/tmp/" + "x" * 256)
attempt("a path of 5000 bytes", os.mkdir, "/tmp/" + "x/" * 2500)
os.chdir("/tmp")
depth = 0
for depth in range(1, 3001):
    try:
        os.mkdir("d" * 20)
        os.chdir("d" * 20)
    except OSError:
        break
note("depth", depth)
finish()
