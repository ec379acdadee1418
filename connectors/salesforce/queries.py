"""Send a SOQL query by REST and follow its answer from page to page.

Source: Salesforce's REST API Developer Guide: a query answers up to 2,000 records and a
`nextRecordsUrl`; a query cursor lapses, so a resumed read goes on by id instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from connectors.http.consistency import QueryCheck, next_path
from connectors.salesforce.call import Call
from connectors.salesforce.errors import LargeQueryError
from connectors.salesforce.soql import Query

_QUERY_PAGE = 2000
SLICES = (2000, 500, 200)  # records of a query that is cut, each tried where the one before fails


class Queries:
    """Queries of one org, each sent by `call`."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def first_page(self, soql: str, operation: str, check: QueryCheck) -> Any:
        """Return a query's answer. `operation`: "query", or "queryAll" with deleted records."""
        # 2,000 a page is also the default, but only without a smaller one set for the org.
        headers = {"Sforce-Query-Options": f"batchSize={_QUERY_PAGE}"}
        return self.call("read", f"{operation}/", params={"q": soql}, headers=headers, check=check)

    def next_page(self, answer: Mapping[str, Any], check: QueryCheck) -> Any:
        """Return the answer after this one."""
        return self.call("read", f"query/{next_path(answer)}", check=check)

    def rows(self, soql: str, among: Collection[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield all rows of a query. An org may make its pages smaller than we ask for.

        `among`: the ids that may come.
        """
        check = QueryCheck(among=among)
        answer = self.first_page(soql, "query", check)
        while True:
            yield from answer["records"]
            if answer["done"]:
                return
            answer = self.next_page(answer, check)

    def rows_in_slices(self, query: Query) -> Iterator[Mapping[str, Any]]:
        """Yield all rows; where they are too many for one query, so many at a time."""
        after = ""
        for limit in (None, *SLICES):
            try:
                while True:
                    count = 0
                    for row in self.rows(query.soql(after, limit)):
                        after, count = row["Id"], count + 1
                        yield row
                    if limit is None or count < limit:
                        return
            except LargeQueryError:
                if limit == SLICES[-1]:
                    raise
