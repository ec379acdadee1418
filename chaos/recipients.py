"""Everybody who is asked whether their number is still right: by text, and by email.

Both campaigns are started before the faults strike, and their messages go out while they do. What
costs a command or a sync is done for both together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaos import asking_checks
from chaos.actors import Actors
from chaos.asked_by_email import AskedByEmail
from chaos.asked_by_text import AskedByText
from chaos.environment import Environment
from sandbox.mail import LOGIN, PASSWORD, MailServer

SETTINGS = """
[asking]
every = "1s"
email_from = "Acme <numbers@acme.example>"
postal_address = "Acme, 1 Main Street, Springfield"
"""


def start_mail_server() -> MailServer:
    return MailServer(logins={LOGIN: PASSWORD})


def mail_settings(mail: MailServer) -> Mapping[str, str]:
    return {"SMTP_URL": mail.url_with_login}


class Recipients:
    def __init__(
        self, environment: Environment, actors: Actors, seed: int, mail: MailServer
    ) -> None:
        self._environment = environment
        self._actors = actors
        self._by_email = AskedByEmail(environment, actors, seed, mail)
        self._all = (AskedByText(environment, actors, seed), self._by_email)
        for group in self._all:
            actors.sandbox.call(group.move_in)

    @property
    def links(self) -> set[str]:
        """Return the paths of the links that were sent."""
        return set().union(*(group.links for group in self._all))

    def agree(self) -> None:
        """Have those who do agree to texts, and the CRMs read: then the campaigns know them."""
        rows = []
        for group in self._all:
            for number in filter(group.has_agreed, group.role_of):
                rows.append(f"opt_in,{number},agreed {number[-4:]}")
                self._actors.truth.messages.add(f"api:agreed {number[-4:]}:{number}")
        file = self._environment.home / "agreed.csv"
        file.write_text("\n".join(["kind,number,key", *rows]) + "\n")
        self._all[0].command("feedback", "import", str(file), "--json", "--later")
        self._all[0].command("sync", "--json")

    def start(self, injected: list[str]) -> None:
        """Start both campaigns. `injected`: the faults that strike from now on."""
        for group in self._all:
            group.injected = injected
            group.start()

    def unfinished(self) -> list[str]:
        return [line for group in self._all for line in group.unfinished()]

    def broken(self) -> Iterator[str]:
        for group in self._all:
            yield from group.broken()
        yield from self._by_email.wrong
        kept = self._by_email.rows(
            "SELECT number, kind FROM feedback WHERE source LIKE 'recipient%%page'"
        )
        on_pages = [said for group in self._all for said in group.on_pages]
        yield from asking_checks.misheard(on_pages, [(number, kind) for number, kind in kept])
        for group in self._all:
            group.ask_at_once()
        for table, column in (("ask_messages", "claimed_at"), ("feedback", "at")):
            self._by_email.rows(
                f"UPDATE {table} SET {column} = {column} - interval '31 days' RETURNING 1"
            )
        for group in self._all:
            yield from group.asked_again()
