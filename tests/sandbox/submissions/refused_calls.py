"""System calls that a model can do without, each in a child of its own; the test gives names and arguments."""

import os

from attempts import CANARIES, ctypes, errno, finish, note, syscall

for name, number, arguments in CANARIES["calls"]:
    child = os.fork()
    if child == 0:
        buffer = ctypes.create_string_buffer(4096)
        given = [ctypes.c_char_p(value.encode()) if isinstance(value, str) else ctypes.byref(buffer) if value is None else value for value in arguments]
        try:
            syscall(number, *given)
        except OSError as error:
            os._exit(min(error.errno, 200))
        os._exit(250)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    note(name, "KILLED" if status < 0 else "DONE" if status == 250 else errno.errorcode.get(status, str(status)))
finish()
