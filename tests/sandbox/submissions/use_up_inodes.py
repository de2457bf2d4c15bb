"""Makes empty files until it is refused."""

import itertools
import os

from attempts import OUTPUT, finish, note, predict, until_refused

predict()  # while there is room
numbers = itertools.count()


def touch(folder):
    os.close(os.open(f"{folder}/{next(numbers)}", os.O_CREAT | os.O_WRONLY))


for folder in ("/tmp", "/dev/shm", os.path.dirname(OUTPUT)):
    note(f"files in {folder}", len(until_refused(f"touch in {folder}", lambda: touch(folder), 20_000)))
finish()
