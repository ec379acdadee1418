"""The properties of contacts, and their groups."""

from __future__ import annotations

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal, iso, prop
from sandbox.hubspot.versions import Route, both, version_of
from sandbox.service import Allowed, Handler, answer
from sandbox.table import Record


class Properties:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        schema, change = "crm.schemas.contacts.read", "crm.schemas.contacts.write"

        def at(scope: str, route: Route, rest: str, handler: Handler) -> list[web.RouteDef]:
            tail = "{object:contacts|0-1}" + rest
            paths = f"/crm/v3/properties/{tail}", f"/crm/properties/{{}}/{tail}"
            return both(route, *paths, allowed(scope, handler))

        return [
            *at(schema, web.get, "", self.list_properties),
            *at(change, web.post, "", self.create_property),
            *at(change, web.post, "/batch/create", self.create_properties),
            *at(schema, web.get, "/groups", self.list_groups),
            *at(change, web.post, "/groups", self.create_group),
            *at(change, web.delete, "/groups/{name}", self.archive_group),
            *at(schema, web.get, "/{name}", self.get_property),
            *at(change, web.patch, "/{name}", self.update_property),
            *at(change, web.delete, "/{name}", self.archive_property),
        ]

    async def list_properties(self, request: web.Request) -> web.Response:
        archived = request.query.get("archived") == "true"
        properties = self.portal.archived_properties if archived else self.portal.properties
        return answer({"results": list(properties.values())})

    async def get_property(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        archived = request.query.get("archived") == "true"
        properties = self.portal.archived_properties if archived else self.portal.properties
        definition = properties.get(name)
        if definition is None:
            return error(f'Property "{name}" does not exist', "OBJECT_NOT_FOUND", 404)
        return answer(definition)

    async def create_property(self, request: web.Request) -> web.Response:
        created = self._make_property(orjson.loads(await request.read()))
        return created if isinstance(created, web.Response) else answer(created, 201)

    async def create_properties(self, request: web.Request) -> web.Response:
        started = self.portal.clock.now()
        body = orjson.loads(await request.read())
        results, errors = [], []
        for item in body["inputs"]:
            created = self._make_property(item)
            if isinstance(created, web.Response):
                problem = orjson.loads(created.body)  # type: ignore[arg-type]
                errors.append(
                    {
                        "status": "error",
                        "category": problem["category"],
                        "message": problem["message"],
                        "context": {"name": [item.get("name", "")]},
                        "errors": [],
                        "links": {},
                    }
                )
            else:
                results.append(created)
        answered: Record = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(started),
            "completedAt": iso(self.portal.clock.now()),
        }
        if errors:
            answered.update(numErrors=len(errors), errors=errors)
        # The documents of the dated versions have 200, those of v3 had 201.
        return answer(answered, 207 if errors else 200 if version_of(request) else 201)

    def _make_property(self, body: Record) -> Record | web.Response:
        name = body.get("name", "")
        if name in self.portal.properties:
            return error(
                f"A property named '{name}' already exists.",
                "OBJECT_ALREADY_EXISTS",
                409,
                subCategory="Properties.PROPERTY_WITH_NAME_EXISTS",
            )
        if body.get("groupName") not in self.portal.groups:
            return error(
                f"Property group '{body.get('groupName')}' does not exist.", "VALIDATION_ERROR"
            )
        options = tuple(option["value"] for option in body.get("options", []))
        if body["type"] == "bool" and options != ("true", "false"):
            return error(
                "Property of type bool must have exactly the options true and false",
                "VALIDATION_ERROR",
            )
        if not self.portal.property_room:
            # That a full account refuses is documented; the words and the category are not.
            return error(
                "You have reached the limit of custom properties of your account.",
                "VALIDATION_ERROR",
            )
        if (restored := self.portal.archived_properties.pop(name, None)) is not None:
            # It comes back as it was, as recorded; that records have kept its values is not.
            restored["archived"] = False
            restored.pop("archivedAt", None)
            self.portal.properties[name] = restored
            return restored
        definition = prop(
            name,
            body["label"],
            body["type"],
            body["fieldType"],
            body["groupName"],
            own=False,
            description=body.get("description", ""),
        )
        now = iso(self.portal.clock.now())
        definition.update(
            options=body.get("options", []),
            formField=body.get("formField", False),
            createdAt=now,
            updatedAt=now,
        )
        self.portal.properties[name] = definition
        return definition

    async def update_property(self, request: web.Request) -> web.Response:
        definition = self.portal.properties.get(request.match_info["name"])
        if definition is None:
            return error("Property does not exist", "OBJECT_NOT_FOUND", 404)
        body = orjson.loads(await request.read())
        if "options" in body:
            definition["options"] = [
                {"displayOrder": i, **option} for i, option in enumerate(body["options"])
            ]
        for key in ("label", "description", "groupName"):
            definition[key] = body.get(key, definition[key])
        return answer(definition)

    async def archive_property(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        current = self.portal.properties.get(name)
        if current is not None and not current["modificationMetadata"]["archivable"]:
            return error(f"Property {name} cannot be archived.", "VALIDATION_ERROR")
        if current is not None and (users := self.portal.uses_of(name)):
            return error(
                f"Property: {name} of object type 0-1 is currently used in {len(users)} places and "
                "cannot be deleted",
                "VALIDATION_ERROR",
                subCategory="PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
                context={"usageCount": [str(len(users))]},
                errors=[
                    {
                        "message": "",
                        "subCategory": "PropertyValidationError.PROPERTY_USAGE",
                        "context": {"parentDisplayType": [kind], "parentName": [user]},
                    }
                    for kind, user in users
                ],
            )
        if current is not None:
            del self.portal.properties[name]
            self.portal.archived_properties[name] = {
                **current,
                "archived": True,
                "archivedAt": iso(self.portal.clock.now()),
            }
        return web.Response(status=204)

    async def archive_group(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        group = self.portal.groups.get(name)
        if group is not None and any(
            entry["groupName"] == name for entry in self.portal.properties.values()
        ):
            return _nested(
                "Can't delete or purge a group with active properties",
                "VALIDATION_ERROR",
                "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
            )
        self.portal.groups.pop(name, None)
        return web.Response(status=204)

    async def list_groups(self, _request: web.Request) -> web.Response:
        return answer({"results": list(self.portal.groups.values())})

    async def create_group(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if body["name"] in self.portal.groups:
            return error(
                f"A property group named '{body['name']}' already exists.",
                "OBJECT_ALREADY_EXISTS",
                409,
            )
        group = {
            "name": body["name"],
            "label": body["label"],
            "displayOrder": body.get("displayOrder", -1),
            "archived": False,
        }
        self.portal.groups[body["name"]] = group
        return answer(group, 201)


def _nested(message: str, category: str, sub_category: str) -> web.Response:
    """An error whose message is the JSON of another one, as recorded for groups."""
    inner = error(message, category, subCategory=sub_category)
    return error(str(inner.text), "VALIDATION_ERROR")
