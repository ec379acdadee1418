"""`hygiene` commands about reports, as an operator meets them."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from constants import NUMBER, OTHER
from crms import QUICK, Crm
from vendor_webhooks import receive_twilio_sms

from config.settings import load
from sandbox.run import Sandbox
from worker.cli.main import main
from worker.context import Context
from worker.feedback.sources.dispositions import poll_all

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def hygiene(sandbox: Sandbox, tmp_path: Path, home: Path) -> Run:
    path = tmp_path / "hygiene.toml"
    path.write_text(QUICK, encoding="utf-8")
    env = {
        **sandbox.env(), "HYGIENE_HOME": str(home), "HYGIENE_CONFIG": str(path),
        "DATABASE_URL": "", "REDIS_URL": "", "COLUMNS": "200",
        "PUBLIC_URL": "https://hygiene.example.com",
    }  # fmt: skip

    def run(*args: str, exit_code: int = 0, text: str | None = None, **variables: str) -> Result:
        result = CliRunner().invoke(main, args, text, {**env, **variables}, prog_name="hygiene")
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def contact_ids(hygiene: Run, sandbox: Sandbox) -> dict[str, str]:
    """The record in each CRM that holds NUMBER."""
    ids = {}
    for crm in Crm.all(sandbox).values():
        ids[crm.name] = crm.ids()[0]
        crm.edit(ids[crm.name], {f"phone/{crm.phone}": NUMBER})
    hygiene("sync")
    return ids


def document(result: Result) -> Any:
    return json.loads(result.stdout)


class TestSuppressions:
    def test_added_by_hand_reach_both_crms_and_are_lifted_with_a_reason(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str]
    ) -> None:
        crms = Crm.all(sandbox)
        added = document(
            hygiene("suppressions", "add", "+1 (415) 555-2671", "--evidence", "by letter", "--json")
        )
        assert added["confirmed"] == {"salesforce": 1, "hubspot": 1}
        assert all(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms.values())
        assert "by letter" in hygiene("suppressions", "list").stdout
        hygiene("suppressions", "lift", str(added["id"]), exit_code=2)
        lifted = document(
            hygiene("suppressions", "lift", str(added["id"]), "--reason", "a mistake", "--json")
        )
        assert (lifted["active"], lifted["lifted_why"]) == (False, "a mistake")
        assert not any(crm.get(contact_ids[crm.name], "do_not_contact") for crm in crms.values())
        assert document(hygiene("suppressions", "list", "--json")) == []
        assert len(document(hygiene("suppressions", "list", "--all", "--json"))) == 1

    def test_of_one_person_leave_others_who_hold_the_number(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str]
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        other = crm.ids()[7]
        crm.edit(other, {f"phone/{crm.phone}": NUMBER})
        hygiene("sync", "hubspot")
        hygiene("suppressions", "add", NUMBER, "--contact", f"hubspot:{other}")
        assert crm.get(other, "do_not_contact") is True
        assert not crm.get(contact_ids["hubspot"], "do_not_contact")
        hygiene("suppressions", "add", NUMBER, "--contact", "hubspot", exit_code=2)

    def test_are_imported_from_a_bare_list_and_a_table(
        self, hygiene: Run, tmp_path: Path, sandbox: Sandbox, contact_ids: dict[str, str]
    ) -> None:
        bare = tmp_path / "registry.txt"
        bare.write_text(f"{NUMBER}\n14155552672\nnot a number 5\n\n", encoding="utf-8")
        refused = tmp_path / "refused.csv"
        done = document(hygiene("suppressions", "import", str(bare), "--refused", str(refused),
                                "--json", exit_code=1))  # fmt: skip
        assert (done["added"], done["held"], done["refused"]) == (2, 1, 1)
        assert "not a number 5" in refused.read_text()
        assert Crm.all(sandbox)["hubspot"].get(contact_ids["hubspot"], "do_not_contact") is True
        table = tmp_path / "list.csv"
        table.write_bytes("Name;Téléphone\nx;01 42 34 20 00\n".encode())
        done = document(hygiene("suppressions", "import", str(table), "--country", "FR",
                                "--channel", "call", "--json"))  # fmt: skip
        assert done["added"] == 1
        again = document(hygiene("suppressions", "import", str(table), "--country", "FR", "--json"))
        assert (again["added"], again["known"]) == (0, 1)

    def test_of_a_table_are_all_its_phone_numbers_unless_one_column_is_named(
        self, hygiene: Run, tmp_path: Path
    ) -> None:
        """Whoever is on a do-not-contact list is so with each number that stands there."""
        file = tmp_path / "people.csv"
        file.write_text(
            "name,Phone,Phone Extension,Mobile,Last called\n"
            f"A,{NUMBER},12,{OTHER},2026-11-02\nB,+14155552673 / +14155552674,,,\nC,,,,\n"
        )
        done = document(hygiene("suppressions", "import", str(file), "--json", "--later"))
        assert (done["added"], done["refused"]) == (4, 0)
        imported = document(hygiene("suppressions", "import", str(file), "--column", "Mobile",
                               "--name", "mobiles", "--json", "--later"))  # fmt: skip
        assert (imported["added"], imported["refused"]) == (1, 0)

    def test_are_exported_and_imported_elsewhere(
        self, hygiene: Run, tmp_path: Path, contact_ids: dict[str, str]
    ) -> None:
        hygiene("suppressions", "add", NUMBER, "--later")
        out = tmp_path / "out.csv"
        hygiene("suppressions", "export", "-o", str(out))
        assert out.read_text().splitlines()[1].startswith(f"{NUMBER},call text,opt_out,")
        elsewhere = {"HYGIENE_HOME": str(tmp_path / "elsewhere")}
        done = document(hygiene("suppressions", "import", str(out), "--json", **elsewhere))
        assert done["added"] == 1

    def test_that_are_not_there_or_no_number_are_told_plainly(self, hygiene: Run) -> None:
        assert "there is no suppression 9" in hygiene(
            "suppressions", "lift", "9", "--reason", "none", exit_code=2).output  # fmt: skip
        assert "country code" in hygiene("suppressions", "add", "12", exit_code=2).output


class TestImportingFeedback:
    def test_takes_a_dialers_export_with_its_own_columns(
        self, hygiene: Run, tmp_path: Path, sandbox: Sandbox, contact_ids: dict[str, str]
    ) -> None:
        file = tmp_path / "dialer.csv"
        file.write_text(
            "Called,Outcome,When,Remark\n"
            f"{NUMBER},Wrong Number,2026-01-05T10:00:00Z,\"a lady, not him\"\n"
            f"{OTHER},opt-out,2026-01-05,\n"
            "12,opt_out,2026-01-05,too short\n"
            f"{OTHER},busy,2026-01-05,no report\n"
            f"{OTHER},opt_out,yesterday,\n",
            encoding="utf-8",
        )  # fmt: skip
        args = [
            "feedback",
            "import",
            str(file),
            "--column",
            "number=Called",
            "--column",
            "kind=Outcome",
            "--column",
            "at=When",
            "--column",
            "evidence=Remark",
            "--json",
        ]
        done = document(hygiene(*args, exit_code=1))
        assert (done["stored"], done["known"], done["refused"]) == (2, 0, 3)
        again = document(hygiene(*args, exit_code=1))
        assert (again["stored"], again["known"]) == (0, 2)
        for crm in Crm.all(sandbox).values():
            assert crm.get(contact_ids[crm.name], "wrong_number") is True
            assert "a lady, not him" in crm.get(contact_ids[crm.name], "reason")

    def test_of_messages_that_failed_reads_their_error_codes(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str], tmp_path: Path
    ) -> None:
        """Such as Twilio exports them: 21610 says that the recipient replied STOP."""
        file = tmp_path / "messages.csv"
        file.write_text(
            "From,To,Status,ErrorCode,Sid\n"
            f"+14155550100,{NUMBER},undelivered,21610,SM1\n"
            f"+14155550100,{OTHER},undelivered,30007,SM2\n",
            encoding="utf-8",
        )
        args = ("feedback", "import", str(file), "--kind", "undeliverable",
                "--column", "number=To", "--column", "key=Sid", "--json")  # fmt: skip
        done = document(hygiene(*args))
        assert (done["stored"], done["known"], done["refused"]) == (2, 0, 0)
        assert document(hygiene(*args))["known"] == 2
        for crm in Crm.all(sandbox).values():
            assert crm.get(contact_ids[crm.name], "do_not_contact") is True
        listed = document(hygiene("suppressions", "list", "--json"))
        assert [(suppression["number"], suppression["reason"]) for suppression in listed] == [
            (NUMBER, "opt_out")
        ]

    def test_of_a_no_a_yes_and_a_no_the_last_counts(self, hygiene: Run, tmp_path: Path) -> None:
        file = tmp_path / "words.csv"
        rows = "".join(f"{kind},{OTHER}\n" for kind in ("opt_out", "opt_in", "opt_out"))
        file.write_text(f"kind,number\n{rows}")
        done = document(hygiene("feedback", "import", str(file), "--json"))
        assert done["stored"] == 3
        listed = ("suppressions", "list", "--number", OTHER, "--json")
        assert document(hygiene(*listed))
        [row] = document(hygiene("suppressions", "imports", "--json"))
        assert (row["id"], row["kind"], row["stored"]) == (done["import"], "reports", 3)
        undo = ("suppressions", "undo-import", done["import"], "--reason", "a test")
        assert "3 taken back, 0 kept" in hygiene(*undo).output
        assert document(hygiene(*listed)) == []

    def test_names_what_is_wrong_with_the_columns(self, hygiene: Run, tmp_path: Path) -> None:
        file = tmp_path / "odd.csv"
        file.write_text("a,b\n1,2\n", encoding="utf-8")
        assert "there are: a, b" in hygiene("feedback", "import", str(file), exit_code=2).output
        wrong = hygiene("feedback", "import", str(file), "--column", "number=c", exit_code=2)
        assert "no column 'c'" in wrong.output
        assert "OURS=THEIRS" in hygiene("feedback", "import", str(file), "--column", "x",
                                        exit_code=2).output  # fmt: skip


class TestALink:
    def test_leads_to_the_contacts_page(self, hygiene: Run, contact_ids: dict[str, str]) -> None:
        answer = document(
            hygiene("link", "hubspot", contact_ids["hubspot"], "--number", NUMBER, "--json")
        )
        assert answer["link"].startswith("https://hygiene.example.com/confirm/")
        assert NUMBER[1:] not in answer["link"]
        assert (
            "does not have this number"
            in hygiene(
                "link", "hubspot", contact_ids["hubspot"], "--number", OTHER, exit_code=2
            ).output
        )
        assert "PUBLIC_URL" in hygiene("link", "hubspot", contact_ids["hubspot"], exit_code=2,
                                       PUBLIC_URL="").output  # fmt: skip

    def test_key_of_ones_own_is_made_once_and_kept_to_oneself(
        self, hygiene: Run, contact_ids: dict[str, str], home: Path
    ) -> None:
        key = home / "secret-key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        before = key.read_text()
        hygiene("link", "hubspot", contact_ids["hubspot"])
        assert key.read_text() == before

    def test_with_an_unknown_key_the_database_is_not_used(
        self, hygiene: Run, contact_ids: dict[str, str], home: Path
    ) -> None:
        (home / "secret-key").unlink()
        refused = hygiene(
            "link", "hubspot", contact_ids["hubspot"], exit_code=2, SECRET_KEY="another"
        )
        assert "SECRET_KEY_PREVIOUS" in refused.output


class TestEvidence:
    def test_tells_what_was_reported_and_who_confirmed_it_when(
        self, hygiene: Run, contact_ids: dict[str, str]
    ) -> None:
        hygiene("suppressions", "add", NUMBER, "--evidence", "by letter")
        evidence = document(hygiene("evidence", NUMBER, "--json"))
        (report,) = evidence["reports"]
        assert report["evidence"] == "by letter"
        assert {delivery["connector"]: delivery["state"] for delivery in report["delivered"]} == {
            "salesforce": "done", "hubspot": "done"}  # fmt: skip
        assert all(
            delivery["in_time"] and delivery["records"] == 1 for delivery in report["delivered"]
        )
        assert "confirmed" in hygiene("evidence", NUMBER).stdout
        assert "no reports about" in hygiene("evidence", OTHER).output

    @pytest.mark.parametrize(("channel", "said"), [("call", True), ("text", False)])
    def test_says_that_a_number_must_not_be_called_whatever_the_hour(
        self, hygiene: Run, channel: str, said: bool
    ) -> None:
        assert "may" in hygiene("number", NUMBER).output  # be called now, or not before
        hygiene("suppressions", "add", NUMBER, "--channel", channel, "--later")
        text = " ".join(hygiene("number", NUMBER).output.split())
        assert ("must not be called" in text) == said
        assert ("may be called" in text or "may not be called" in text) != said
        assert f"No {channel}s." in text

    def test_says_that_a_number_is_not_texted_while_a_reply_waits(
        self, hygiene: Run, sandbox: Sandbox, tmp_path: Path, home: Path
    ) -> None:
        path = tmp_path / "hygiene.toml"
        path.write_text(f"{QUICK}\n[feedback]\nhold_open_reviews = true\n", encoding="utf-8")
        config = {"HYGIENE_HOME": str(home), "HYGIENE_CONFIG": str(path)}
        hygiene("db", "upgrade")
        with closing(Context.create(load({**sandbox.env(), **config}))) as ctx:
            form = {"From": NUMBER, "MessageSid": f"SM{1:032d}", "Body": "how do I unsubscribe?"}
            receive_twilio_sms(ctx, form)
        for command in ("number", "evidence"):
            shown = " ".join(hygiene(command, NUMBER).stdout.split())
            assert "no texts for now: a reply that may be an opt-out waits for review" in shown
            (hold,) = document(hygiene(command, NUMBER, "--json"))["holds"]
            assert hold["channels"] == ["text"]
            assert f"until reply {hold['review']} is decided" in shown
        assert "not suppressed, but not texted for now" in hygiene("evidence", NUMBER).stdout
        assert "no texts for now" not in hygiene("number", OTHER).stdout


class TestForgetting:
    def test_leaves_nothing_personal_and_keeps_the_suppression(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str], home: Path
    ) -> None:
        hygiene("suppressions", "add", NUMBER, "--evidence", "wrote from 12 Elm St")
        hygiene("forget", "--number", NUMBER, text="n\n", exit_code=1)
        done = document(hygiene("forget", "--number", NUMBER, "--yes", "--json"))
        assert done["contacts"] == 2
        assert done["numbers"] == 1
        for file in home.iterdir():
            if file.is_file():
                data = file.read_bytes()
                assert b"4155552671" not in data.replace(b"\x00", b"") or _is_free(home, file)
                assert b"Elm St" not in data or _is_free(home, file)
        (suppression,) = document(hygiene("suppressions", "list", "--number", NUMBER, "--reason",
                                  "erasure", "--json"))  # fmt: skip
        assert suppression["number"] is None
        crm = Crm.all(sandbox)["hubspot"]
        later = crm.ids()[5]
        crm.edit(later, {f"phone/{crm.phone}": NUMBER})
        hygiene("sync", "hubspot")
        assert crm.get(later, "do_not_contact") is True

    def test_of_one_contact_leaves_others(self, hygiene: Run, contact_ids: dict[str, str]) -> None:
        done = document(hygiene("forget", "--contact", f"hubspot:{contact_ids['hubspot']}", "--yes",
                                "--json"))  # fmt: skip
        assert done["contacts"] == 1
        details = document(hygiene("number", NUMBER, "--json"))
        assert [contact["connector"] for contact in details["contacts"]] == ["salesforce"]

    def test_of_one_person_keeps_what_that_person_said(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str]
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        gone, again = contact_ids["hubspot"], crm.ids()[6]
        contact = f"hubspot:{gone}"
        hygiene("suppressions", "add", NUMBER, "--contact", contact, "--evidence", "from Elm St")
        hygiene("forget", "--contact", contact, "--yes")
        listed = hygiene("suppressions", "list", "--json").stdout
        assert gone not in listed
        assert "Elm St" not in listed
        email = crm.records()[gone]["email"]
        crm.act(gone, {"delete": True})
        crm.act(again, {"set": {"email": email, "phone": NUMBER, "mobilephone": ""}})
        hygiene("sync", "hubspot")
        assert crm.get(again, "do_not_contact") is True

    def test_of_a_number_takes_it_out_of_what_was_written_and_proposed(
        self,
        hygiene: Run,
        sandbox: Sandbox,
        contact_ids: dict[str, str],
        home: Path,
        tmp_path: Path,
    ) -> None:
        file = tmp_path / "corrections.csv"
        file.write_text(
            f"kind,number,new_number,connector,id\n"
            f"corrected,{NUMBER},{OTHER},hubspot,{contact_ids['hubspot']}\n",
            encoding="utf-8",
        )
        hygiene("feedback", "import", str(file))
        crm = Crm.all(sandbox)["hubspot"]
        assert crm.get(contact_ids["hubspot"], "proposed_phone") == OTHER
        hygiene("forget", "--number", OTHER, "--yes")
        assert _is_free(home, home / "hygiene.db", OTHER[1:])

    def test_needs_to_know_what(self, hygiene: Run) -> None:
        hygiene("forget", exit_code=2)
        hygiene("forget", "--contact", "hubspot", "--yes", exit_code=2)


def _is_free(home: Path, file: Path, what: str = "4155552671") -> bool:
    """SQLite leaves what was deleted in the file until the space is used again: what counts is
    what its tables hold."""
    import sqlite3

    if file.name not in ("hygiene.db", "hygiene.db-wal"):
        return False
    with sqlite3.connect(home / "hygiene.db") as connection:
        return not any(what in line or "Elm St" in line for line in connection.iterdump())


class TestOutcomesOfCalls:
    @pytest.fixture
    def poll(self, sandbox: Sandbox, tmp_path: Path, home: Path) -> Callable[[], int]:
        """Reads calls, as the workers do every five minutes."""

        def run() -> int:
            config = {"HYGIENE_HOME": str(home), "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml")}
            ctx = Context.create(load({**sandbox.env(), **config}))
            try:
                return poll_all(ctx)
            finally:
                ctx.close()

        return run

    def test_without_a_meaning_are_listed_until_they_have_one(
        self, hygiene: Run, sandbox: Sandbox, contact_ids: dict[str, str], tmp_path: Path,
        poll: Callable[[], int],
    ) -> None:  # fmt: skip
        portal, calls = sandbox.hubspot.portal, sandbox.hubspot.calls
        portal.dispositions["own-1"] = "Never again"
        for outcome in ("own-1", "own-1", "unheard-of", *portal.dispositions):
            calls.log({"hs_call_disposition": outcome}, [contact_ids["hubspot"]])
        task = {"WhoId": contact_ids["salesforce"], "CallDisposition": "Gone away"}
        sandbox.salesforce.org.create("Task", {**task, "Status": "Completed"})
        poll()
        shown = document(hygiene("feedback", "outcomes", "--json"))
        assert [(row["connector"], row["name"], row["meaning"], row["calls"]) for row in shown] == [
            ("hubspot", "Never again", None, 3),
            ("hubspot", None, None, 1),
            ("salesforce", "Gone away", None, 1),
        ]  # fmt: skip
        assert shown[1]["outcome"] == "unheard-of"
        output = hygiene("feedback", "outcomes").output
        assert "Never again" in output
        assert "unheard-of (unknown name)" in output
        assert "Wrong number" not in output
        assert "wrong number" in hygiene("feedback", "outcomes", "--all").output
        doctor = hygiene("doctor", "--json").output
        assert "“Never again” (3)" in doctor
        assert "1 call has an outcome whose name is not known" in doctor
        words = 'disconnected = ["gone away", "never again", "unheard-of"]'
        with (tmp_path / "hygiene.toml").open("a", encoding="utf-8") as file:
            file.write(f"[feedback.dispositions]\n{words}\n")
        assert poll() >= 4
        assert document(hygiene("feedback", "outcomes", "--json")) == []
        assert "every outcome seen so far" in hygiene("feedback", "outcomes").output


class TestReplies:
    @pytest.fixture
    def waiting(self, hygiene: Run, sandbox: Sandbox, home: Path) -> list[int]:
        hygiene("db", "upgrade")
        settings = load({**sandbox.env(), "HYGIENE_HOME": str(home)})
        ctx = Context.create(settings)
        for place, number in enumerate((NUMBER, OTHER)):
            form = {"From": number, "MessageSid": f"SM{place:032d}", "Body": "not interested"}
            receive_twilio_sms(ctx, form)
        ctx.close()
        return [review["id"] for review in document(hygiene("feedback", "reviews", "--json"))]

    def test_are_listed_decided_together_and_put_back(
        self, hygiene: Run, waiting: list[int]
    ) -> None:
        ids = [str(review_id) for review_id in waiting]
        assert len(ids) == 2
        assert "not interested" in hygiene("feedback", "reviews").stdout
        hygiene("feedback", "decide", *ids, "opt_out")
        assert document(hygiene("feedback", "reviews", "--json")) == []
        assert len(document(hygiene("suppressions", "list", "--json"))) == 2
        assert "waits for review again" in hygiene("feedback", "undo", ids[0]).stderr
        assert [
            str(review["id"]) for review in document(hygiene("feedback", "reviews", "--json"))
        ] == (ids[:1])
        # It makes nobody contactable.
        assert len(document(hygiene("suppressions", "list", "--json"))) == 2

    def test_that_are_not_there_are_named(self, hygiene: Run, waiting: list[int]) -> None:
        refused = hygiene("feedback", "decide", "999", "nothing", exit_code=2)
        assert "999" in refused.stderr
        partly = hygiene("feedback", "decide", str(waiting[0]), "999", "nothing", exit_code=1)
        assert "999" in partly.stderr
        hygiene("feedback", "undo", str(waiting[1]), exit_code=2)
