"""Writes to every place until it is refused."""

import os

from attempts import attempt, finish, note, write

CHUNK = b"\xff" * (1 << 20)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for _ in range(4096):
            file.write(CHUNK)


for folder in ("/tmp", "/dev/shm"):
    path = os.path.join(folder, "filler")
    attempt(f"fill {folder}", fill, path)
    attempt(f"fill {folder} again", fill, path + "2")
    try:
        os.unlink(path)
        os.unlink(path + "2")
    except OSError:
        pass
for folder in ("/dev", "/", "/proc", "/data", "/submission", os.path.expanduser("~root")):
    attempt(f"write to {folder}", write, os.path.join(folder, "filler"))
note("writable", sorted({path for path, folders, _ in os.walk("/") if not path.startswith("/proc") and os.access(path, os.W_OK)}))
finish()
