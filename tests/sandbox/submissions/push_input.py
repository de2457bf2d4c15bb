"""Pushes characters into a terminal, with bits set above those that the kernel looks at."""

import ctypes
import fcntl
import os

from attempts import attempt, finish, syscall

TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCCONS = 0x5412, 0x541C, 0x540E, 0x541D
character = ctypes.create_string_buffer(b"x")
for name, request in {"TIOCSTI": TIOCSTI, "TIOCLINUX": TIOCLINUX, "TIOCSCTTY": TIOCSCTTY, "TIOCCONS": TIOCCONS}.items():
    for above in (0, 1 << 32, 0xFFFFFFFF << 32):
        for number in (0, 1, 2):
            attempt(f"{name} {above:#x} on {number}", syscall, "ioctl", number, request | above, character)
attempt("FIOASYNC", fcntl.ioctl, 1, 0x5452, b"\1\0\0\0")
attempt("prctl above", syscall, "prctl", 4 | 1 << 32, 0, 0, 0, 0)
attempt("fcntl F_SETOWN to pid 1", fcntl.fcntl, 1, fcntl.F_SETOWN, 1)
attempt("tcsetpgrp", os.tcsetpgrp, 0, os.getpgrp())
finish()
