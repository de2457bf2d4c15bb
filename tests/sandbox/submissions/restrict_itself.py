"""Harmless calls by which a careful program restricts itself; and attempts to take the restrictions back."""

from attempts import attempt, ctypes, finish, syscall

attempt("PR_SET_DUMPABLE 0", syscall, "prctl", 4, 0, 0, 0, 0)
attempt("no_new_privs off", syscall, "prctl", 38, 0, 0, 0, 0)
attempt("PR_SET_MM", syscall, "prctl", 35, 1, 0, 0, 0)
attempt("PR_SET_PTRACER any", syscall, "prctl", 0x59616D61, -1, 0, 0, 0)
attempt("PR_SET_SECUREBITS", syscall, "prctl", 28, 0, 0, 0, 0)
attempt("PR_CAP_AMBIENT", syscall, "prctl", 47, 2, 21, 0, 0)
attempt("PR_SET_SECCOMP off", syscall, "prctl", 22, 0, 0, 0, 0)
# One instruction: allow everything.
allow = (ctypes.c_uint16 * 4)(0x06, 0, 0, 0x7FFF)
program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
attempt("a filter that allows everything", syscall, "seccomp", 1, 0, program)
attempt("a filter with a listener", syscall, "seccomp", 1, 8, program)
attempt("socket after that", syscall, "socket", 2, 1, 0)
finish()
