"""The fixed page of the ancient vsyscall interface, which no filter sees in native mode."""

import ctypes

from attempts import finish, note

getter = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(0xFFFFFFFFFF600400)  # time()
note("vsyscall time", getter(None) > 1_600_000_000)
finish()
