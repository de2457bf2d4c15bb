"""Raises its own limits."""

import resource

from attempts import attempt, finish, note

for name in sorted(name for name in dir(resource) if name.startswith("RLIMIT_")):
    kind = getattr(resource, name)
    try:
        hard = resource.getrlimit(kind)[1]
    except (OSError, ValueError):
        continue
    note(f"hard {name}", hard)
    higher = hard + 1 if hard >= 0 else None
    if higher is not None:
        attempt(f"raise {name}", resource.setrlimit, kind, (higher, higher))
        attempt(f"prlimit {name}", resource.prlimit, 0, kind, (higher, higher))
        attempt(f"prlimit {name} of pid 1", resource.prlimit, 1, kind, (higher, higher))
finish()
