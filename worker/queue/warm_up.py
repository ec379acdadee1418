"""Load what tasks need, before a worker forks: the first report after a start comes as fast as any
other, and the worker's children share the memory.

Otherwise each child loads it in its first task, which takes half a second of processor time: the
CRMs' client libraries, the tables of libphonenumber and the names of countries.
"""

from __future__ import annotations

from collections.abc import Iterable

import connectors
from worker.phones.countries import region_of
from worker.phones.field_parser import parse_field
from worker.verification.models import Question
from worker.verification.providers.offline import OfflineProvider

_NUMBER = "+1 415-555-0123"  # fictional


def load(active_connectors: Iterable[str]) -> None:
    """Load the code and the tables. Opens no connection and starts no thread: a fork follows."""
    for name in active_connectors:
        connectors.load(name)
    region = region_of("United States")
    numbers = parse_field(_NUMBER, region).numbers
    OfflineProvider().ask([Question(number.e164) for number in numbers], "format")
