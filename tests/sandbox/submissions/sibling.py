"""Makes a brother, whose parent is the sandbox's own first process, that ends well; then it fails itself."""

import os

from attempts import CANARIES, predict, syscall

CLONE_PARENT, SIGCHLD = 0x8000, 17
predict()
read_end, write_end = os.pipe()
if syscall("clone", CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0:
    os._exit(0)
os.close(write_end)
os.read(read_end, 1)  # until the brother is gone
os._exit(CANARIES["exit_code"])
