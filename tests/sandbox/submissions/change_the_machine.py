"""The clock, priorities, memory locks, the personality."""

import os
import time

from attempts import attempt, ctypes, finish, syscall

attempt("clock_settime", time.clock_settime, time.CLOCK_REALTIME, 0)
attempt("settimeofday", syscall, "settimeofday", (ctypes.c_long * 2)(0, 0), 0)
attempt("adjtimex", syscall, "adjtimex", (ctypes.c_long * 32)(0x4000, 10_000))
attempt("personality READ_IMPLIES_EXEC", syscall, "personality", 0x0400000)
attempt("personality ADDR_NO_RANDOMIZE", syscall, "personality", 0x0040000)
attempt("nice -20", os.setpriority, os.PRIO_PROCESS, 0, -20)
attempt("nice -20 of the user", os.setpriority, os.PRIO_USER, 0, -20)
attempt("SCHED_FIFO", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))
attempt("SCHED_FIFO of pid 1", os.sched_setscheduler, 1, os.SCHED_FIFO, os.sched_param(50))
attempt("SCHED_DEADLINE", syscall, "sched_setattr", 0, (ctypes.c_uint32 * 12)(48, 6, 0, 0, 0, 0, 10_000_000, 0, 30_000_000, 0, 30_000_000, 0), 0)
attempt("ioprio real time", syscall, "ioprio_set", 1, 0, 1 << 13)
room = ctypes.create_string_buffer(64 << 20)
attempt("mlock 64 MB", syscall, "mlock", room, 64 << 20)
attempt("mlockall", syscall, "mlockall", 3)
finish()
