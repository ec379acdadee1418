"""The Salesforce stand-in answers as the true service does, to the unmodified client."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.settings import load
from connectors import build
from connectors.errors import AuthError
from sandbox.run import Sandbox

API = "/services/data/v62.0"


@pytest.fixture
def api(sandbox: Sandbox) -> Callable[..., requests.Response]:
    env = sandbox.env()
    token = requests.post(
        f"{sandbox.salesforce_url}/services/oauth2/token",
        data={
            "grant_type": "client_credentials", "client_id": env["SALESFORCE_CLIENT_ID"],
            "client_secret": env["SALESFORCE_CLIENT_SECRET"],
        },
    ).json()["access_token"]  # fmt: skip

    def call(method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **kwargs.pop("headers", {})}
        return requests.request(
            method, f"{sandbox.salesforce_url}{API}{path}", headers=headers, **kwargs
        )

    return call


Api = Callable[..., requests.Response]


class TestPrivacyRecords:
    """Of an org whose admin has let nobody see them (`rights`, `Org.sees`)."""

    NAMES = ("Individual", "ContactPointTypeConsent", "ContactPointEmail", "ContactPointConsent")

    @pytest.fixture(autouse=True)
    def _protection(self, sandbox: Sandbox) -> None:
        sandbox.salesforce.org.enable_data_protection(granted=False)

    @pytest.mark.parametrize("name", NAMES)
    def test_do_not_exist_for_our_user(self, api: Api, name: str) -> None:
        answer = api("GET", "/query/", params={"q": f"SELECT Id FROM {name}"})
        assert answer.json()[0]["errorCode"] == "INVALID_TYPE"
        assert api("GET", f"/sobjects/{name}/describe").status_code == 404
        described = api("GET", "/sobjects").json()["sobjects"]
        assert name not in {entry["name"] for entry in described}

    def test_are_not_named_by_a_contact_that_our_user_reads(self, api: Api) -> None:
        answer = api("GET", "/query/", params={"q": "SELECT IndividualId FROM Contact"})
        assert answer.json()[0]["errorCode"] == "INVALID_FIELD"

    @pytest.mark.parametrize(("values", "code"), [
        ({"SobjectType": "Nothing", "PermissionsRead": True},
         "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"SobjectType": "Individual", "PermissionsViewAllRecords": True},
         "FIELD_INTEGRITY_EXCEPTION"),
    ])  # fmt: skip
    def test_are_granted_only_as_the_documents_say(
        self, api: Api, values: dict[str, Any], code: str
    ) -> None:
        made = api("POST", "/sobjects/PermissionSet", json={"Name": "A", "Label": "A"}).json()
        values = {"ParentId": made["id"], **values}
        answer = api("POST", "/sobjects/ObjectPermissions", json=values)
        assert answer.json()[0]["errorCode"] == code

    def test_of_others_are_seen_by_whoever_has_view_all(self, api: Api, sandbox: Sandbox) -> None:
        org = sandbox.salesforce.org
        org.create("Individual", {"LastName": "Somebody"})
        org.sharing.private.add("Individual")

        def seen_with(view_all: bool) -> int:
            made = api("POST", "/sobjects/PermissionSet", json={"Name": "A", "Label": "A"}).json()
            api("POST", "/sobjects/ObjectPermissions", json={
                "ParentId": made["id"], "SobjectType": "Individual", "PermissionsRead": True,
                "PermissionsViewAllRecords": view_all,
            })  # fmt: skip
            api("POST", "/sobjects/PermissionSetAssignment", json={
                "PermissionSetId": made["id"], "AssigneeId": org.integration_user,
            })  # fmt: skip
            answer = api("GET", "/query/", params={"q": "SELECT Id FROM Individual"})
            return int(answer.json()["totalSize"])

        assert [seen_with(False), seen_with(True)] == [0, 1]

    def test_have_required_fields_that_nothing_hides(self, api: Api) -> None:
        made = api("POST", "/sobjects/PermissionSet", json={"Name": "A", "Label": "A"}).json()
        values = {"ParentId": made["id"], "SobjectType": "ContactPointTypeConsent",
                  "Field": "ContactPointTypeConsent.PartyId", "PermissionsRead": True}  # fmt: skip
        answer = api("POST", "/sobjects/FieldPermissions", json=values)
        assert answer.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


class TestLogin:
    def test_a_wrong_secret_is_refused(self, sandbox: Sandbox) -> None:
        answer = requests.post(
            f"{sandbox.salesforce_url}/services/oauth2/token",
            data={"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
        )
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_client_id"

    def test_a_jwt_is_accepted_only_with_the_right_signature(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        def pem() -> bytes:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )

        right, wrong = pem(), pem()
        public = serialization.load_pem_private_key(right, None).public_key()
        sandbox.salesforce.login.public_keys["worker@sandbox.example"] = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()
        for key, good in ((right, True), (wrong, False)):
            path = tmp_path / "key.pem"
            path.write_bytes(key)
            settings = load(
                {
                    "SALESFORCE_LOGIN_URL": sandbox.salesforce_url,
                    "SALESFORCE_CLIENT_ID": sandbox.env()["SALESFORCE_CLIENT_ID"],
                    "SALESFORCE_USERNAME": "worker@sandbox.example",
                    "SALESFORCE_PRIVATE_KEY_FILE": str(path),
                }
            )
            connector = build("salesforce", settings)
            if good:
                assert connector.describe()
            else:
                with pytest.raises(AuthError, match="login refused"):
                    connector.describe()

    def test_an_expired_session_is_a_401(self, api: Api, sandbox: Sandbox) -> None:
        sandbox.salesforce.act("Contact", "", {"expire_sessions": True})
        answer = api("GET", "/limits")
        assert answer.status_code == 401
        assert answer.json() == [
            {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
        ]


class TestQueries:
    def query(self, api: Api, soql: str, **kwargs: Any) -> requests.Response:
        return api("GET", "/query", params={"q": soql}, **kwargs)

    def test_pages_by_the_batch_size_header(self, sandbox: Sandbox) -> None:
        big = Sandbox.start(contacts=450, leads=0)
        try:
            env = big.env()
            token = requests.post(
                f"{big.salesforce_url}/services/oauth2/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": env["SALESFORCE_CLIENT_ID"],
                    "client_secret": env["SALESFORCE_CLIENT_SECRET"],
                },
            ).json()["access_token"]
            headers = {
                "Authorization": f"Bearer {token}", "Sforce-Query-Options": "batchSize=200",
            }  # fmt: skip
            answer = requests.get(
                f"{big.salesforce_url}{API}/query",
                params={"q": "SELECT Id FROM Contact ORDER BY Id"}, headers=headers,
            ).json()  # fmt: skip
            ids = [record["Id"] for record in answer["records"]]
            sizes = [len(ids)]
            while not answer["done"]:
                answer = requests.get(
                    f"{big.salesforce_url}{answer['nextRecordsUrl']}", headers=headers
                ).json()
                ids += [record["Id"] for record in answer["records"]]
                sizes.append(len(answer["records"]))
            assert sizes == [200, 200, 50]
            assert len(set(ids)) == answer["totalSize"] == 450
        finally:
            big.stop()

    @pytest.mark.parametrize(
        ("soql", "code"),
        [
            ("SELECT Id, Nope__c FROM Contact", "INVALID_FIELD"),
            ("SELECT Id FROM Nope", "INVALID_TYPE"),
            ("SELECT Id FROM", "MALFORMED_QUERY"),
            ("SELECT Id FROM Contact WHERE Name LIKE", "MALFORMED_QUERY"),
        ],
    )
    def test_errors_have_the_true_codes(self, api: Api, soql: str, code: str) -> None:
        answer = self.query(api, soql)
        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == code

    def test_conditions_order_and_limit(self, api: Api) -> None:
        everything = self.query(api, "SELECT Id, Phone, LeadSource FROM Contact").json()["records"]
        web = self.query(
            api,
            "SELECT Id FROM Contact WHERE LeadSource = 'Web' AND Phone != null "
            "ORDER BY Id DESC LIMIT 3",
        ).json()["records"]
        expected = [r["Id"] for r in everything if r["LeadSource"] == "Web" and r["Phone"]]
        assert [r["Id"] for r in web] == sorted(expected, reverse=True)[:3]

    def test_every_answer_says_how_much_of_the_quota_is_used(self, api: Api) -> None:
        first = self.query(api, "SELECT Id FROM Contact LIMIT 1").headers["Sforce-Limit-Info"]
        second = self.query(api, "SELECT Id FROM Contact LIMIT 1").headers["Sforce-Limit-Info"]
        used = [int(text.split("=")[1].split("/")[0]) for text in (first, second)]
        assert used[1] == used[0] + 1


class TestUpdates:
    def update(self, api: Api, records: list[dict[str, Any]]) -> requests.Response:
        body = {"allOrNone": False, "records": records}
        return api("PATCH", "/composite/sobjects", json=body)

    def record(self, record_id: str, **values: Any) -> dict[str, Any]:
        return {"attributes": {"type": "Contact"}, "id": record_id, **values}

    def test_two_hundred_and_one_records_are_too_many(self, api: Api) -> None:
        answer = self.update(api, [self.record(f"{n}") for n in range(201)])
        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == "EXCEEDED_ID_LIMIT"

    def test_each_record_has_its_own_result_and_every_write_moves_the_stamp(
        self, api: Api, sandbox: Sandbox
    ) -> None:
        rows = api("GET", "/query", params={"q": "SELECT Id, SystemModstamp FROM Contact"}).json()
        first, second = rows["records"][:2]
        time.sleep(0.01)
        answer = self.update(
            api,
            [
                self.record(first["Id"], Phone_Status__c="valid"),
                self.record(second["Id"], Phone_Status__c="nonsense"),
            ],
        ).json()
        assert answer[0] == {"id": first["Id"], "success": True, "errors": []}
        assert answer[1]["success"] is False
        assert answer[1]["errors"][0]["statusCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        moved = api("GET", f"/sobjects/Contact/{first['Id']}").json()["SystemModstamp"]
        assert moved > first["SystemModstamp"]


class TestShapes:
    """The bodies have the shapes of real, recorded answers."""

    def recorded(self, path: Path) -> list[dict[str, Any]]:
        return list(yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"])

    @pytest.mark.parametrize("name", ["Contact", "Lead"])
    def test_of_a_describe(self, api: Api, shared: Callable[[str], Path], name: str) -> None:
        path = shared(f"recordings/salesforce/GET_sobjects_{name}_describe.yaml")
        real = yaml.safe_load(path.read_text(encoding="utf-8"))
        real = yaml.safe_load(real["response"]["body"]["string"])
        ours = api("GET", f"/sobjects/{name}/describe").json()
        assert set(ours) <= set(real)
        assert ours["name"] == real["name"]
        theirs = {field["name"]: field for field in real["fields"]}
        for field in ours["fields"]:
            known = theirs.get(field["name"])
            if known is None:  # ours, or not in the recorded org
                continue
            assert set(field) <= set(known), field["name"]
            for key in ("type", "updateable", "length", "nillable"):
                assert field[key] == known[key], (field["name"], key)

    def test_of_a_collections_update(self, api: Api, shared: Callable[[str], Path]) -> None:
        path = shared("recordings/salesforce/TestUpdatesIntegrationTests.test_updates_task.yaml")
        bodies = [
            yaml.safe_load(exchange["response"]["body"]["string"])
            for exchange in self.recorded(path)
            if "request" in exchange and exchange["request"]["method"] == "PATCH"
        ]
        keys = {frozenset(row) for body in bodies for row in body}
        assert keys
        answer = api("GET", "/query", params={"q": "SELECT Id FROM Contact LIMIT 1"}).json()
        (ours,) = update_one(api, answer["records"][0]["Id"])
        assert frozenset(ours) in keys


def update_one(api: Api, record_id: str) -> list[dict[str, Any]]:
    record = {"attributes": {"type": "Contact"}, "id": record_id, "Phone_Status__c": "valid"}
    answer = api("PATCH", "/composite/sobjects", json={"allOrNone": False, "records": [record]})
    return list(answer.json())
