"""The result of a Bulk query job: fetched whole to disk, counted, and only then read.

What a full read does not bring counts as deleted, so a result is believed only when it holds as
many records as the job says it processed. It is fetched before its first record is handed on: a
result that proves short after half of it was worked on could not be taken back.

An org cuts a result into parts. `results` answers with one part and names the next in its header
`Sforce-Locator` ("null" after the last). `resultPages` (API 58 and later) lists parts that may be
fetched in parallel. Salesforce's documents and those who say that they ran it disagree on the form
of that list:

    {"resultPages":  [{"resultUrl":  "/services/data/v62.0/jobs/query/ID/results?locator=A"}, ...],
     "nextRecordsUrl": "/services/data/v62.0/jobs/query/ID/resultPages?locator=B", "done": false}
    {"resultChunks": [{"resultLink": "jobs/query/ID/results?locator=A"}, ...],
     "nextRecordsUrl": null, "done": true}

Both are read, with absolute and relative links; on anything else the parts are fetched one locator
after another, which all versions know. The links are followed as they are given, and within each
part the locators of the answers, to the end.

Sources: Bulk API 2.0 Developer Guide, "Get Results for a Query Job" and "Get Parallel Results for a
Query Job" (the first form); node-sf-bulk2, pull request 35 (the second; public, not official).
Each answer names the number of its own records in `Sforce-NumberOfRecords` (the same guide).
Not confirmed: what `Sforce-Locator` names after a listed part (the next part, or nothing), and that
`numberRecordsProcessed` is always the number of records in the result. `hygiene crm probe` tells.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError
from connectors.http.client import ContradictionError
from connectors.http.lenient_json import clean
from connectors.salesforce.call import Call

Links = dict[str, str]  # locator of a part ("" = the first, unnamed) -> query of the link to it

_AT_ONCE = 4  # parts that are fetched at the same time
_HEARTBEAT = 5.0  # seconds between two calls of `heartbeat`
_NAMES_PARTS = 58.0  # the first API version with resultPages


class ShortResultError(UnavailableError):
    """A job's result holds another number of records than the job says."""


@dataclass(frozen=True)
class Rows:
    """Some records of a result, in its order."""

    columns: list[str]
    rows: list[list[str]]


@dataclass
class _Part:
    """A part of a result, on disk. `following`: the locator after it, "" at the end."""

    following: str
    lines: int
    content: IO[bytes] = field(repr=False)
    has_nul: bool = False


class Result:
    """A job's result on disk, complete. As a context manager: its files go at the end."""

    def __init__(self, job: str, parts: Sequence[_Part], total: int, files: ExitStack) -> None:
        self._job = job
        self._parts = parts
        self._total = total
        self._files = files

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *_error: object) -> None:
        self._files.close()

    def pages(self, size: int, heartbeat: Callable[[], None]) -> Iterator[Rows]:
        """Its records, `size` at a time; raises `ShortResultError` where they are not as many as
        they should be."""
        read = 0
        for part in self._parts:
            heartbeat()
            part.content.seek(0)
            # Bytes that are no UTF-8 and NULs, in some person's field, cost nobody else the read.
            text = io.TextIOWrapper(part.content, "utf-8", errors="replace", newline="")
            try:
                reader = csv.reader(map(clean, text) if part.has_nul else text)
                columns = next(reader, [])
                while rows := list(islice(reader, size)):
                    if {*map(len, rows)} != {len(columns)}:
                        raise unknown_form("a row has another number of cells than its head")
                    read += len(rows)
                    yield Rows(columns, rows)
            finally:
                text.detach()
        if read != self._total:
            raise _short(self._job, read, self._total)


def fetch_result(
    call: Call, job: str, version: float, total: int, heartbeat: Callable[[], None]
) -> Result:
    """Fetch the result of a finished query job of `total` records, calling `heartbeat` in between.

    Parts that do not add up are fetched a second time, one after another. Raises
    `ShortResultError`, `ConnectorError` for a result of an unknown form.
    """
    links = _listed_parts(call, job) if version >= _NAMES_PARTS else None
    if links is not None:
        fetched = _fetch(call, job, links, total, heartbeat)
        if isinstance(fetched, Result):
            return fetched
    fetched = _fetch(call, job, {"": ""}, total, heartbeat)
    if isinstance(fetched, Result):
        return fetched
    raise _short(job, fetched, total)


def _fetch(
    call: Call, job: str, links: Links, total: int, heartbeat: Callable[[], None]
) -> Result | int:
    """The result whose parts are named by these links, or how many records were in them."""
    files = ExitStack()
    try:
        parts = _all_parts(call, job, links, files, heartbeat)
        count = _count(parts, total)
    except BaseException:
        files.close()
        raise
    if count != total:
        files.close()
        return count
    return Result(job, parts, total, files)


def _all_parts(
    call: Call, job: str, links: Links, files: ExitStack, heartbeat: Callable[[], None]
) -> list[_Part]:
    """Every part, in order. The answer to a link may be less than the part that was meant, and
    names where it goes on: followed until that is a part that has its own link, or the end."""
    parts: list[_Part] = []
    seen: set[str] = set()
    with ThreadPoolExecutor(_AT_ONCE, "salesforce-result") as pool:
        try:
            fetched = [
                (locator, pool.submit(_download, call, job, query, files))
                for locator, query in links.items()
            ]
            for locator, coming in fetched:
                while True:
                    while wait([coming], timeout=_HEARTBEAT).not_done:
                        heartbeat()
                    heartbeat()
                    part = coming.result()
                    seen.add(locator)
                    parts.append(part)
                    locator = part.following
                    if not locator or locator in links:
                        break
                    if locator in seen:
                        raise unknown_form(f"its locator {locator} comes round again")
                    query = urlencode({"locator": locator})
                    coming = pool.submit(_download, call, job, query, files)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return parts


def _download(call: Call, job: str, query: str, files: ExitStack) -> _Part:
    """Fetch a part to disk. How much of it one answer holds is for the org to say."""

    asked = parse_qs(query).get("locator", [""])[0]

    def to_disk(response: requests.Response) -> _Part:
        content = tempfile.TemporaryFile(prefix="hygiene-bulk-")  # noqa: SIM115 - closed by `files`
        files.callback(content.close)
        lines, last, has_nul = 0, b"\n", False
        try:
            for piece in response.iter_content(1 << 16):
                content.write(piece)
                lines += piece.count(b"\n")
                has_nul = has_nul or b"\0" in piece
                last = piece[-1:] or last
            following = response.headers.get("Sforce-Locator", "null")
            following = "" if following == "null" else following
            part = _Part(following, lines + (last != b"\n"), content, has_nul)
            if asked and following == asked:
                raise ContradictionError(f"a result of job {job} names itself as the next one")
            _check_count(part, response.headers.get("Sforce-NumberOfRecords"), job)
        except BaseException:  # it is fetched again
            content.close()
            raise
        return part

    path = f"jobs/query/{job}/results"
    fetched: _Part = call("read", f"{path}?{query}" if query else path, take=to_disk)
    return fetched


def _check_count(part: _Part, header: str | None, job: str) -> None:
    """Compare a part with the number of records that its answer names. `header`: its
    `Sforce-NumberOfRecords`, "the number of records in this set" by the guide; None where a proxy
    took it off: then the job's own count must do. Raises `ContradictionError`."""
    if header is None:
        return
    number = int(header) if header.isascii() and header.isdecimal() else -1
    if number != max(0, part.lines - 1) and number != (count := _records(part)):
        says = header[:20] if number < 0 else f"{number:,}"
        raise ContradictionError(
            f"a result of job {job} should hold {says} records, and holds {count:,}"
        )


def _listed_parts(call: Call, job: str) -> Links | None:
    """The links to all parts, by `resultPages`; None where the answer is of no known form."""
    links: Links = {}
    path = f"jobs/query/{job}/resultPages"
    asked: set[str] = set()
    while path not in asked:
        asked.add(path)
        try:
            answer = call("read", path)
        except (UnavailableError, QuotaError, AuthError):
            raise
        except ConnectorError:
            return None  # an org without this resource
        listed = _links(answer)
        if listed is None:
            return None
        for link in listed:
            query = _query_of(link, job, "results")
            locator = "" if query is None else parse_qs(query).get("locator", [""])[0]
            if query is None or locator in links:
                return None
            links[locator] = query
        following = answer.get("nextRecordsUrl") or answer.get("nextRecordUrl")
        if not following:
            # "done": false without a link contradicts itself.
            return links if links and answer.get("done", True) else None
        query = _query_of(str(following), job, "resultPages")
        if query is None:
            return None
        path = f"jobs/query/{job}/resultPages?{query}"
    return None  # the list comes round again


def _links(answer: Any) -> list[str] | None:
    if not isinstance(answer, dict):
        return None
    entries = answer.get("resultPages", answer.get("resultChunks"))
    if not isinstance(entries, list):
        return None
    links = []
    for entry in entries:
        known = entry if isinstance(entry, dict) else {}
        link = known.get("resultUrl") or known.get("resultLink")
        if not isinstance(link, str):
            return None
        links.append(link)
    return links


def _query_of(link: str, job: str, resource: str) -> str | None:
    """What a link to a resource of this job asks for; None where it leads elsewhere.

    >>> _query_of("https://org.example/services/data/v62.0/jobs/query/7/results?locator=M", "7",
    ...           "results")
    'locator=M'
    >>> _query_of("jobs/query/7/results", "7", "results")
    ''
    >>> _query_of("jobs/query/8/results?locator=M", "7", "results")
    """
    parts = urlsplit(link)
    path = f"/{parts.path.strip('/')}".lower()  # the documents write resultpages as well
    leads_there = path.endswith(f"/jobs/query/{job}/{resource}".lower())
    return parts.query if leads_there else None


def _count(parts: Sequence[_Part], total: int) -> int:
    """How many records the parts hold; raises `ConnectorError` for what is no result.

    Lines are as good as records while no value holds a line break; counting those is a tenth of
    the work of reading them. Where they do not agree with `total` the records are counted.
    """
    columns: list[str] | None = None
    for part in parts:
        head = _head(part)
        if head and "Id" not in head:  # such as the page of a proxy
            raise unknown_form("its head names no Id")
        if head and columns is not None and head != columns:
            raise unknown_form("its parts have different heads")
        columns = head or columns
    lines = sum(max(0, part.lines - 1) for part in parts)
    return lines if lines == total else sum(map(_records, parts))


def _head(part: _Part) -> list[str]:
    part.content.seek(0)
    text = io.TextIOWrapper(part.content, "utf-8", errors="replace", newline="")
    try:
        return next(csv.reader(text), [])
    finally:
        text.detach()


def _records(part: _Part) -> int:
    part.content.seek(0)
    text = io.TextIOWrapper(part.content, "utf-8", errors="replace", newline="")
    try:
        return max(0, sum(1 for _row in csv.reader(text)) - 1)
    finally:
        text.detach()


def unknown_form(what: str) -> ConnectorError:
    return ConnectorError(
        f"salesforce: the result of a Bulk query job has an unknown form: {what}; what was read "
        "before it is kept, go on with: hygiene sync salesforce"
    )


def _short(job: str, count: int, total: int) -> ShortResultError:
    return ShortResultError(
        f"salesforce: Bulk query job {job} has {total:,} records, and its result brought "
        f"{count:,}; nothing of it is believed. Go on with: hygiene sync salesforce; if that ends "
        "the same way, read without jobs: connectors.salesforce.bulk_from = 0"
    )
