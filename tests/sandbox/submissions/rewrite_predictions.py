"""Children that go on rewriting the predictions after the submission has ended."""

import os

from attempts import OUTPUT, fork, predict

predict()
read_end, write_end = os.pipe()


def rewrite():
    os.write(write_end, b".")
    while True:
        try:
            with open(OUTPUT + ".new", "wb") as file:
                file.write(b"id,prediction\n1,9\n" * 100)
            os.rename(OUTPUT + ".new", OUTPUT)
            os.unlink(OUTPUT)
            os.symlink("/proc/1/environ", OUTPUT)
        except OSError:
            pass


for _ in range(3):
    fork(rewrite)
    os.read(read_end, 1)
