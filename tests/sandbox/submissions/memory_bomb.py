"""Takes memory without end, and survives the errors that the allocator raises."""

hoard = []
while True:
    try:
        hoard.append(b"\xff" * (1 << 20))
    except MemoryError:
        pass
