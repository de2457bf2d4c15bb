"""Claims on every open file that all went well, then fails with an exit code of the test's choice."""

import os

from attempts import CANARIES

for number in range(1, 1024):
    for claim in (b'{"verdict":"OK","score":1}\n', b"SEALED\n", b"EXIT 0\n", b"\0" * 8, b"OK"):
        try:
            os.write(number, claim)
        except OSError:
            break
os._exit(CANARIES["exit_code"])
