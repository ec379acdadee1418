"""Answers that contradict themselves, as faults: see `Fault.how` in `sandbox.service`.

Made from a true answer of a stand-in, so that all else about it is as it should be.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

_LISTS = ("results", "records", "phone_numbers")
_COUNTS = ("total", "totalSize", "numberRecordsProcessed", "size")
_IDS = ("id", "Id", "recordId", "phone_number", "number", "e164_format")
_NEVER_ASKED = {"id": "99999999", "Id": "003000000ZZZZZZAAA", "recordId": "99999999"}
_OTHER_NUMBER = "+442079460999"


def contradicted(body: Any, how: str) -> Any:
    """`how`: `empty` (counts, and nothing of it), `fewer` (the last one is missing), `twice` (the
    first one again in place of the last), `foreign` (the last one is another than was asked for),
    `counts` (one more is counted than there is), `uncounted` (0 are counted), `nowhere` (there is
    more, and no word of where), `elsewhere` (the next page is at another host), `early` (it says
    that nothing follows), `onward` (nothing follows, and it says where that is), `negative`,
    `text`, `absent` (what the counts are), `double` (the last record is there a second time)."""
    body = copy.deepcopy(body)
    _WAYS[how](body)
    return body


def _list(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    return next((body[key] for key in _LISTS if isinstance(body.get(key), list)), [])


def _empty(body: Any) -> None:
    _list(body).clear()


def _fewer(body: Any) -> None:
    del _list(body)[-1:]


def _twice(body: Any) -> None:
    if entries := _list(body):
        entries[-1] = entries[0]


def _foreign(body: Any) -> None:
    entries = _list(body)
    entry = entries[-1] if entries else body.get("data", body)
    if isinstance(entry.get("from"), dict):
        entry["from"]["id"] = "99999999"
        return
    for key in _IDS:
        if key in entry:
            entry[key] = _NEVER_ASKED.get(key, _OTHER_NUMBER)
    if isinstance(entry.get("properties"), dict):
        entry["properties"].pop("hs_merged_object_ids", None)


def _counted(body: Any, change: Callable[[int], Any]) -> None:
    for key in _COUNTS:
        if isinstance(body, dict) and isinstance(body.get(key), int):
            body[key] = change(body[key])


def _nowhere(body: Any) -> None:
    body.update(done=False)
    body.pop("nextRecordsUrl", None)


def _elsewhere(body: Any) -> None:
    body.update(done=False, nextRecordsUrl="https://elsewhere.example/services/data/x/query/01g-2")


def _early(body: Any) -> None:
    body.pop("nextRecordsUrl", None)
    body.pop("paging", None)
    if "done" in body:
        body["done"] = True


def _onward(body: Any) -> None:
    if "done" in body:
        body.update(done=True, nextRecordsUrl="/services/data/v62.0/query/01gRM000000ABCd-2000")
        return
    _empty(body)
    body["paging"] = {"next": {"after": "NTI1"}}


def _absent(body: Any) -> None:
    for key in _COUNTS:
        body.pop(key, None)


def _double(body: Any) -> None:
    entries = _list(body)
    entries += entries[-1:]


_WAYS: dict[str, Callable[[Any], None]] = {
    "empty": _empty,
    "fewer": _fewer,
    "twice": _twice,
    "foreign": _foreign,
    "counts": lambda body: _counted(body, lambda count: count + 1),
    "uncounted": lambda body: _counted(body, lambda _held: 0),
    "nowhere": _nowhere,
    "elsewhere": _elsewhere,
    "early": _early,
    "onward": _onward,
    "negative": lambda body: _counted(body, lambda count: -count - 1),
    "text": lambda body: _counted(body, str),
    "absent": _absent,
    "double": _double,
}
