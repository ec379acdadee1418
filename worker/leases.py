"""Who holds a lease, and whether that process may still be alive.

A lease is an owner and an end in a row of the database (a run, a page, a lookup). Whoever wants the
row takes it over when the lease has ended, or as soon as its owner is known to be dead.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path


def new_owner() -> str:
    """Return a name for a new owner of leases. It holds the host and process for `is_alive()`."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def is_this_process(owner: str | None) -> bool:
    """Return whether an owner is this process, which itself knows what it is at."""
    return bool(owner) and str(owner).rpartition(":")[0] == f"{socket.gethostname()}:{os.getpid()}"


def is_alive(owner: str | None) -> bool:
    """Return whether the owner of a lease may still be at work. Nobody can know that of a process
    on another host: then return True, and the end of the lease decides."""
    if not owner:
        return False
    host, _, rest = owner.partition(":")
    if host != socket.gethostname():
        return True
    pid = int(rest.partition(":")[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed child that nobody has waited for yet still has a process id.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
