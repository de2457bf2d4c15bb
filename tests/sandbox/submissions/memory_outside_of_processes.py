"""Memory that belongs to no process: memfd and System V shared memory."""

from attempts import attempt, ctypes, finish, libc, syscall

attempt("memfd_create", lambda: syscall("memfd_create", ctypes.c_char_p(b"hoard"), 0))
attempt("memfd_secret", lambda: syscall("memfd_secret", 0))
attempt("shmget", lambda: syscall("shmget", 0, 256 << 20, 0o1600))
attempt("msgget", lambda: syscall("msgget", 0, 0o1600))
attempt("semget", lambda: syscall("semget", 0, 8, 0o1600))
attempt("mq_open", lambda: syscall("mq_open", ctypes.c_char_p(b"hoard"), 0o102, 0o600, 0))
finish()
