"""People who are asked by email, on a named basis: nobody's consent to texts is on record.

Their mail is looked at by a scanner, which opens every link in it, before they see it. Who
unsubscribes does so by one click: their mail reader posts (RFC 8058), twice, in both forms. The
mail server knows one of them not at all, puts another one off at first, and takes the mail of a
third without a word: nobody knows what became of it, until they answer.

Some have opted out of email before: by Salesforce's checkbox, by HubSpot's, or from one of
HubSpot's subscription types. Others do so in a CRM while the emails go out. None of them gets an
email, these from a moment after on.
"""

from __future__ import annotations

import re
import time
from functools import partial
from urllib.parse import urlsplit

import requests

from chaos.actors import Actors
from chaos.asked_people import OPTED_OUT, OPTS_OUT_NOW, AskedPeople
from chaos.asking_checks import Arrival
from chaos.environment import Environment
from chaos.numbers import COUNTRY
from sandbox.mail import MailServer, TakenMail

SEGMENT = "mail-survey"  # in HubSpot alone: others with an address must not be asked
_LINK = re.compile(r"http://[^/\s]+(/confirm/[^?/\s]+)\?lang=([a-z]+)")
# Country, its language, and what the subject says in it.
_LANGUAGES = (
    (COUNTRY, "en", "Acme: is your phone number still right?"),
    ("Austria", "de", "Acme: Stimmt Ihre Telefonnummer noch?"),
    ("Brazil", "pt", "Acme: o seu número de telefone ainda está correto?"),
    ("France", "fr", "Acme : votre numéro de téléphone est-il toujours le bon ?"),
)
_NEWSLETTER = "7102"  # a subscription type of the stand-in's account
_FORM = "application/x-www-form-urlencoded"


class AskedByEmail(AskedPeople):
    campaign = "survey"
    roles = (
        "elsewhere", "no_address", "refused", "not_in_service", "under_review", "bounces",
        "greylisted", "unanswered", "yes", "no", "new", "changes_mind", "stops_on_page",
        "unsubscribes", "opens", "ignores", "yes", "no", "unsubscribes", "opens", "ignores",
        "opted_out_salesforce", "opted_out_hubspot", "opted_out_of_type", "opted_out_salesforce",
        "ignores", "opens", "refuses_now", "is_wrong_now", "is_doubtful_now", "refuses_now",
        "opts_out_salesforce_now", "opts_out_hubspot_now",
    )  # fmt: skip
    first_place = 200
    start_with = (
        "--by", "email", "--budget", "0", "--basis", "customers, by contract",
        "--segment", f"campaign={SEGMENT}",
    )  # fmt: skip
    slow_faults = frozenset({"mail_late", "kill_at_mail", "kill_before_mail"})

    def __init__(
        self, environment: Environment, actors: Actors, seed: int, mail: MailServer
    ) -> None:
        super().__init__(environment, actors, seed)
        self._mail = mail
        self._wrong: list[str] = []
        for place, number in enumerate(self.role_of):
            self.countries[number] = _LANGUAGES[place % len(_LANGUAGES)][0]
        by_role = {role: self.email_of(number) for number, role in self.role_of.items()}
        mail.unknown = {by_role["bounces"]}
        mail.greylisted = {by_role["greylisted"]}
        mail.unanswered = {by_role["unanswered"]}

    def has_agreed(self, _number: str) -> bool:
        return False

    def record_fields(self, number: str) -> dict[str, str]:
        is_elsewhere = self.role_of[number] == "elsewhere"
        return {} if is_elsewhere else {"hs_analytics_source_data_1": SEGMENT}

    def email_of(self, number: str) -> str:
        return "" if self.role_of[number] == "no_address" else super().email_of(number)

    def move_in(self) -> None:
        super().move_in()
        for number, role in self.role_of.items():
            if role in OPTED_OUT:
                self._opt_out(number, role)

    def speak_up_in_crms(self) -> None:
        for number, role in self.role_of.items():
            if role in OPTS_OUT_NOW:
                self.actors.sandbox.call(partial(self._opt_out, number, role))
                self._spoke.setdefault(number, time.time())

    def _opt_out(self, number: str, role: str) -> None:
        """Somebody opts an address out of email in a CRM, where nothing else notices it."""
        of_salesforce = self.records[number][1]
        if "salesforce" in role:
            self.actors.records.act(of_salesforce, {"set": {"HasOptedOutOfEmail": True}})
            return
        subscription = _NEWSLETTER if role == "opted_out_of_type" else ""
        with self.actors.records.by_a_person():
            subscriptions = self.actors.sandbox.hubspot.subscriptions
            subscriptions.opt_out(self.email_of(number), subscription)

    def vendor_count(self) -> int:
        return len(self._mail.sent)

    def receive(self) -> None:
        for taken in self._mail.sent[len(self.arrivals) :]:
            self._receive(taken)

    def _receive(self, taken: TakenMail) -> None:
        number = self._number(taken.to[0])
        message = taken.message
        body = message.get_body(("plain",))
        found = _LINK.search(body.get_content()) if body is not None else None
        one_click = urlsplit(str(message["List-Unsubscribe"]).strip().strip("<>")).path
        if found is None or one_click != f"{found[1]}/unsubscribe":
            self._wrong.append(f"promise 7: {self.people.named(number)} cannot unsubscribe")
            self.arrivals.append(Arrival(taken.at, number))
            return
        subject = {subject: language for _, language, subject in _LANGUAGES}
        language = subject.get(str(message["Subject"]), "no language that we know")
        if language != found[2]:
            self._wrong.append(f"an email in {language} links to a page in {found[2]}")
        if number[-7:] in message.as_string():
            self._wrong.append(f"promise 13: the email to ..{number[-4:]} holds the number")
        self.arrivals.append(Arrival(taken.at, number, language))
        self.links.add(found[1])
        self.later(number, lambda: self._react(number, found[1], language))

    def _number(self, address: str) -> str:
        return next((n for n in self.role_of if self.email_of(n) == address), address)

    def _react(self, number: str, path: str, language: str) -> None:
        for link in (f"{path}?lang={language}", f"{path}/unsubscribe"):  # the scanner
            self.until(lambda: self._opens(f"{self.actors.web}{link}", language))  # noqa: B023
        role = self.role_of.get(number, "ignores")
        if role == "unsubscribes":
            self._unsubscribe(number, f"{self.actors.web}{path}/unsubscribe")
        elif role not in ("ignores", "greylisted"):
            self.answer(number, path)

    def _opens(self, url: str, language: str) -> bool:
        page = requests.get(url, timeout=4)
        if page.ok and "?lang=" in url and f'<html lang="{language}"' not in page.text:
            self._wrong.append(f"a page in {language} was not")
        return page.ok

    def _unsubscribe(self, number: str, url: str) -> None:
        """A refusal is an answer too: a mail reader does not try again after it."""
        field = {"List-Unsubscribe": (None, "One-Click")}
        self.until(lambda: requests.post(url, files=field, timeout=4).status_code < 500)
        headers, body = {"Content-Type": _FORM}, "List-Unsubscribe=One-Click"
        self.until(lambda: requests.post(url, body, headers=headers, timeout=4).status_code < 500)
        self.heard(number, "refuse", "opt_out")

    def refused_for_good(self) -> set[str]:
        return {self._number(address) for address, code in self._mail.refused if code >= 500}

    def languages(self) -> dict[str, str]:
        of_country = {country: language for country, language, _ in _LANGUAGES}
        return {number: of_country[country] for number, country in self.countries.items()}

    @property
    def wrong(self) -> list[str]:
        return list(self._wrong)
