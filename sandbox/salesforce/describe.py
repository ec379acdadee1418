"""What the org tells of its objects and fields: describe.

Source: REST API Developer Guide, "Describe Global" and "sObject Describe".
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from sandbox.salesforce.org import Org
from sandbox.salesforce.rest import error
from sandbox.service import Handler, answer
from sandbox.table import Record

# Objects with page layouts, of those that the stand-in has.
LAID_OUT = ("Account", "Campaign", "CampaignMember", "Case", "Contact", "Lead", "Task", "User")


class Describe:
    def __init__(self, org: Org) -> None:
        self.org = org

    def routes(self, data: str, signed_in: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        return [
            web.get(data + "/sobjects{slash:/?}", signed_in(self.describe_global)),
            web.get(data + "/sobjects/{object}/describe{slash:/?}", signed_in(self.describe)),
        ]

    async def describe(self, request: web.Request) -> web.Response:
        name = request.match_info["object"]
        if not self.org.sees(name):
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        fields = self.org.schema[name][1]
        return answer(
            {
                **self._outline(name),
                "childRelationships": [],
                "recordTypeInfos": [],
                "fields": [info.describe() for info in fields.values() if info.readable],
                "urls": {"sobject": f"/services/data/v62.0/sobjects/{name}"},
            }
        )

    async def describe_global(self, _request: web.Request) -> web.Response:
        """REST API Developer Guide, "Describe Global": the outline of each object, no fields."""
        names = sorted(filter(self.org.sees, self.org.schema))
        outlines = [self._outline(name) for name in names]
        return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": outlines})

    def _outline(self, name: str) -> Record:
        people_see_it = name in LAID_OUT or name.endswith("__c")
        return {
            "name": name,
            "label": name,
            "labelPlural": f"{name}s",
            "keyPrefix": self.org.schema[name][0],
            "custom": name.endswith("__c"),
            "customSetting": False,
            "deprecatedAndHidden": False,
            "createable": True,
            "updateable": True,
            "queryable": True,
            "deletable": True,
            "retrieveable": True,
            "searchable": people_see_it,
            "replicateable": True,
            "layoutable": people_see_it,
            "triggerable": people_see_it,
        }
