"""Look up the addresses of a host within a time limit.

`getaddrinfo` cannot be interrupted and has no time-out of its own: how long it takes is up to the
machine's resolver (resolv.conf(5): 5 seconds a try, for each name server, twice, and again for each
search domain; other sources of nsswitch.conf(5) may take any time). So it runs in a thread that is
waited for only so long. Those who ask for the same host at the same time share one thread: a
resolver that hangs holds one thread for each host that we call, however often we ask.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Final

_Key = tuple[str, int, int]

_under_way: Final[dict[_Key, Future[list[str]]]] = {}
_lock: Final = threading.Lock()


def addresses_of(host: str, port: int, seconds: float, family: int = socket.AF_UNSPEC) -> list[str]:
    """Return the addresses of a host, in the resolver's order, each once. Raises
    `socket.gaierror`, also where the answer does not come in time (EAI_AGAIN)."""
    key = (host, port, family)
    with _lock:
        looking_up = _under_way.get(key)
        if looking_up is None:
            looking_up = _under_way[key] = Future()
            # A daemon: at exit, nobody waits for a resolver that hangs.
            threading.Thread(
                target=_look_up, args=(key, looking_up), name=f"resolve-{host}", daemon=True
            ).start()
    try:
        return looking_up.result(timeout=max(0.0, seconds))
    except TimeoutError:
        raise socket.gaierror(
            socket.EAI_AGAIN, f"the address of {host} was not found in time"
        ) from None


def _look_up(key: _Key, result: Future[list[str]]) -> None:
    host, port, family = key
    try:
        listed = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except BaseException as error:
        outcome: list[str] | BaseException = error
    else:
        outcome = [*dict.fromkeys(str(entry[4][0]) for entry in listed)]
    with _lock:  # who asks from now on looks it up anew
        del _under_way[key]
    if isinstance(outcome, BaseException):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
