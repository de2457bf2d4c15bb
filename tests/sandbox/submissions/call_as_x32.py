"""The numbers of the x32 interface, which a filter by architecture alone lets through."""

import os

from attempts import CANARIES, errno, finish, note, syscall

X32 = 0x40000000
for name in ("getpid", "ptrace", "mount", "socket", "open", "execve"):
    child = os.fork()
    if child == 0:
        try:
            syscall(X32 | CANARIES["syscalls"][name], 0, 0, 0, 0, 0, 0)
        except OSError as error:
            os._exit(min(error.errno, 200))
        os._exit(250)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    note(name, "KILLED" if status < 0 else "DONE" if status == 250 else errno.errorcode.get(status, str(status)))
finish()
