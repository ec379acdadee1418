"""The rules that say why contacts share a number. Pure: no store, network, clock or settings.

Each rule has a name, and a sentence that docs/duplicates.md repeats. It looks at one group, and
returns its evidence for one kind, or nothing. `classify` takes a kind only where all evidence is
for that kind; a rule of the kind `unclear` is a doubt, and one doubt is enough. So in doubt a group
is `unclear`, with the evidence beside it.

Evidence holds no name, email or number: it may be stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.phones.model import LineType

PERSON_RECORDS = 5  # records that one person may well have; more with one email is a mailbox
FAMILY_MEMBERS = 8
_SEVERAL = 3  # different people from which a rule about a group of people counts
_MANY_ON_ANY_LINE = 5  # ... where the numbering plan cannot tell a landline from a mobile
_SERVICE_LINES: frozenset[LineType] = frozenset({"toll_free", "premium", "other"})
_OFFICE_LINES: frozenset[LineType] = frozenset({"landline", "voip", "toll_free"})
_SAME_DIGITS = re.compile(r"(\d)\1{6,}$")
_RUNS = ("01234567890123456789", "98765432109876543210")
_IN_A_ROW = 7  # digits
_SUFFIXES = frozenset("jr sr junior senior ii iii iv".split())  # of a name; they tell people apart
_TITLES = frozenset("mr mrs ms miss dr prof herr frau m mme".split())
# Mail hosts of the public: an address there says nothing of where somebody works.
_PUBLIC_MAIL = frozenset(
    "gmail.com googlemail.com yahoo.com ymail.com hotmail.com outlook.com live.com msn.com aol.com "
    "icloud.com me.com mac.com proton.me protonmail.com gmx.de gmx.net gmx.com web.de t-online.de "
    "freenet.de mail.com zoho.com orange.fr wanadoo.fr free.fr laposte.net libero.it "
    "btinternet.com comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net yandex.ru "
    "mail.ru qq.com 163.com 126.com naver.com yahoo.co.uk yahoo.co.jp yahoo.fr yahoo.de".split()
)


class Kind(StrEnum):
    """Why contacts share a number. The values stand in the database and in the API."""

    SAME_PERSON = "same_person"
    FAMILY = "family"
    SWITCHBOARD = "switchboard"
    PLACEHOLDER = "placeholder"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Facts:
    """What our index holds of a group. `national`: the digits of the number without country code.

    emails: different ones, by their keyed hashes. without_email: contacts that have none.
    extensions: different ones that stand beside the number. isolated: contacts of sources that are
    isolated. wrong: contacts that are flagged as having a wrong number. merged: the CRM has said
    that these records live on in one. many: contacts from which `segments.placeholder_from` calls
    a number a placeholder. forms: of the number that these contacts have. renumbered: whether a
    change of the numbering plan made these forms one line.
    """

    national: str
    line: LineType
    reserved: bool
    valid: bool
    contacts: int
    emails: int
    without_email: int
    extensions: int = 0
    isolated: int = 0
    wrong: int = 0
    merged: bool = False
    many: int = 10
    forms: int = 1
    renumbered: bool = False


@dataclass(frozen=True, slots=True)
class PersonRead:
    """What a CRM says of a contact now. Compared, and never stored."""

    name: str
    last_name: str = ""
    email: str = ""
    website: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many different names and companies all contacts of a group have. A group of which only
    some contacts could be read is not compared. `nameless`, `companyless`: contacts without."""

    full_names: int
    last_names: int
    nameless: int
    companies: int
    companyless: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. `text`: a sentence for a person, free of personal data."""

    rule: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rule`: the first one that decides; "in_doubt" where none does."""

    kind: Kind
    rule: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """`sentence`: what the rule says, for the documentation. `evidence`: the sentence about one
    group, "" where the rule does not apply. `asks_crm`: it compares names, so it applies only once
    they were read."""

    name: str
    kind: Kind
    sentence: str
    evidence: Callable[[Facts, Compared | None], str]
    asks_crm: bool = False


IN_DOUBT = "in_doubt"
FORMS = "forms"  # a note beside the evidence; it decides nothing


def classify(facts: Facts, compared: Compared | None = None) -> Verdict:
    """Return the kind of a group, with all evidence for and against it."""
    findings = tuple(
        Finding(rule.name, rule.kind, text)
        for rule in RULES
        if (text := rule.evidence(facts, compared))
    )
    kinds = {finding.kind for finding in findings}
    if len(kinds) == 1 and Kind.UNCLEAR not in kinds:
        kind, rule = findings[0].kind, findings[0].rule
    else:
        kind, rule = Kind.UNCLEAR, IN_DOUBT
    if not findings:
        findings = (Finding(IN_DOUBT, Kind.UNCLEAR, _nothing_tells(facts, compared)),)
    if facts.forms > 1:
        findings += (Finding(FORMS, kind, _forms(facts)),)
    return Verdict(kind, rule, findings)


def compare(people: Sequence[PersonRead]) -> Compared:
    """Compare what the CRMs say of all contacts of a group."""
    names = [_words(person.name) for person in people]
    lasts = [_last_name(person) for person in people]
    companies = [company_domain(person.website, person.email) for person in people]
    return Compared(
        full_names=len(set(filter(None, names))),
        last_names=len(set(filter(None, lasts))),
        nameless=sum(not (name and last) for name, last in zip(names, lasts, strict=True)),
        companies=len(set(filter(None, companies))),
        companyless=sum(not company for company in companies),
    )


def company_domain(website: str, email: str) -> str:
    """Return the domain that tells where somebody works; "" where none does.

    >>> company_domain("https://www.Example.com/about", ""), company_domain("", "kim@gmail.com")
    ('example.com', '')
    """
    host = re.sub(r"^[a-z]+://", "", website.strip().casefold()).split("/")[0].split(":")[0]
    domain = host.removeprefix("www.") or email.strip().casefold().rpartition("@")[2]
    return "" if domain in _PUBLIC_MAIL or "." not in domain else domain


def _words(name: str) -> str:
    """Return a name as it is compared: small, without accents, titles and punctuation.

    >>> _words("Dr. José  NÚÑEZ"), _words("Núñez, José"), _words("Kim Lee Jr.")
    ('jose nunez', 'nunez jose', 'kim lee jr')
    """
    plain = "".join(
        mark
        for mark in unicodedata.normalize("NFKD", name.casefold())
        if not unicodedata.combining(mark)
    )
    words = re.sub(r"[^\w]+", " ", plain.replace("'", "").replace("\u2019", "")).split()
    return " ".join(word for word in words if word not in _TITLES)


def _last_name(person: PersonRead) -> str:
    """Return the last name; where the CRM has no field for it, the last word of the name. A single
    word may be a first name: then there is none."""
    if given := _words(person.last_name):
        words = given.split()
        return " ".join(word for word in words if word not in _SUFFIXES) or given
    words = [word for word in _words(person.name).split() if word not in _SUFFIXES]
    return words[-1] if len(words) > 1 else ""


# -- the rules -------------------------------------------------------------------------------------


def _people(facts: Facts, compared: Compared | None) -> int:
    """Return how many different people there are, at least."""
    return max(facts.emails, compared.full_names if compared else 0)


def _few(facts: Facts) -> bool:
    return facts.contacts <= PERSON_RECORDS and facts.extensions < 2


def _same_email(facts: Facts, compared: Compared | None) -> str:
    same = facts.emails == 1 and not facts.without_email and _few(facts)
    if not same or (compared and compared.full_names > 1):
        return ""
    return f"All {facts.contacts} contacts have the same email (compared by its keyed hash)."


def _merged(facts: Facts, _compared: Compared | None) -> str:
    if not facts.merged:
        return ""
    return "The CRM has recorded that these records live on in one of them."


def _same_name(facts: Facts, compared: Compared | None) -> str:
    if compared is None or compared.full_names != 1 or compared.nameless:
        return ""
    if facts.emails > 1 or not _few(facts) or facts.wrong:
        return ""
    return f"All {facts.contacts} contacts have the same full name, and no two different emails."


def _same_last_name(facts: Facts, compared: Compared | None) -> str:
    if compared is None or compared.last_names != 1 or compared.nameless:
        return ""
    family = compared.full_names > 1 and facts.contacts <= FAMILY_MEMBERS
    private = facts.extensions == 0 and facts.line not in _SERVICE_LINES
    if not (family and private) or facts.wrong:
        return ""
    return f"{compared.full_names} different people have the same last name."


def _extensions(facts: Facts, _compared: Compared | None) -> str:
    if facts.extensions < 2:
        return ""
    return f"The number has {facts.extensions} different extensions."


def _service_line(facts: Facts, compared: Compared | None) -> str:
    people = _people(facts, compared)
    if facts.line not in _SERVICE_LINES or people < _SEVERAL or not facts.valid:
        return ""
    line = facts.line.replace("_", "-") if facts.line != "other" else "shared-cost"
    return f"{people} different people have it, and it is a {line} number."


def _one_company(facts: Facts, compared: Compared | None) -> str:
    if compared is None or compared.companies != 1 or compared.companyless:
        return ""
    people = _people(facts, compared)
    sure = facts.line in _OFFICE_LINES and people >= _SEVERAL
    if not (sure or (facts.line == "unknown" and people >= _MANY_ON_ANY_LINE)) or not facts.valid:
        return ""
    line = "a landline" if facts.line in _OFFICE_LINES else "perhaps not a mobile"
    return f"{people} different people have one company's domain, and the number is {line}."


def _reserved(facts: Facts, _compared: Compared | None) -> str:
    return "The number is in a range that is kept for films and tests." if facts.reserved else ""


def _not_a_number(facts: Facts, compared: Compared | None) -> str:
    if facts.valid or facts.reserved or _people(facts, compared) < _SEVERAL:
        return ""
    return "Different people have it, and no country's numbering plan has such a number."


def _repeated_digits(facts: Facts, compared: Compared | None) -> str:
    if facts.line in _SERVICE_LINES or _people(facts, compared) < _SEVERAL:
        return ""
    if _SAME_DIGITS.search(facts.national):
        return "The number ends in one digit seven times or more, and different people have it."
    tail = facts.national[-_IN_A_ROW:]
    if len(tail) == _IN_A_ROW and any(tail in run for run in _RUNS):
        return "The number ends in seven digits in a row, and different people have it."
    return ""


def _isolated(facts: Facts, compared: Compared | None) -> str:
    enough = _people(facts, compared) >= facts.many and facts.extensions == 0
    if not enough or facts.isolated * 2 < facts.contacts or facts.line in _SERVICE_LINES:
        return ""
    return (
        f"{_people(facts, compared)} different people have it, and {facts.isolated} of "
        f"{facts.contacts} contacts are from isolated sources."
    )


def _mailbox(facts: Facts, _compared: Compared | None) -> str:
    shared = facts.emails == 1 and not facts.without_email and not _few(facts)
    if not shared:
        return ""
    return f"One email on {facts.contacts} contacts may be a mailbox that people share."


def _names_differ(facts: Facts, compared: Compared | None) -> str:
    if compared is None or facts.emails != 1 or facts.without_email or compared.full_names < 2:
        return ""
    # One last name and one email is a family as well as a person who wrote it in two ways.
    return "The contacts have the same email, and different names."


def _emails_differ(facts: Facts, compared: Compared | None) -> str:
    if compared is None or compared.full_names != 1 or facts.emails < 2:
        return ""
    return "The contacts have the same name, and different emails: it may be father and son."


def _wrong_number(facts: Facts, _compared: Compared | None) -> str:
    by_email = facts.emails == 1 and not facts.without_email
    if not facts.wrong or by_email or facts.merged or facts.reserved or facts.extensions > 1:
        return ""
    return (
        f"The number is wrong for {facts.wrong} of {facts.contacts} contacts, so that they share "
        "it says little."
    )


def _forms(facts: Facts) -> str:
    why = (
        "its numbering plan has changed"
        if facts.renumbered
        else "mobiles there are written with and without a digit (Argentina's 9)"
    )
    return f"The contacts have {facts.forms} forms of the number that are one line: {why}."


def _nothing_tells(facts: Facts, compared: Compared | None) -> str:
    people = _people(facts, compared)
    if people >= facts.many:
        return f"{people} different people have it: a switchboard or a placeholder."
    if compared is None:
        return "Emails do not decide, and names were not read from the CRM."
    return "Emails and names do not settle it."


RULES: tuple[Rule, ...] = (
    Rule("same_email", Kind.SAME_PERSON,
         "All contacts have the same email, they are five at most, and no names differ.",
         _same_email),
    Rule("merged_records", Kind.SAME_PERSON,
         "The CRM itself has recorded that the records live on in one of them.", _merged),
    Rule("same_name", Kind.SAME_PERSON,
         "All contacts have the same full name, no two have different emails, they are five at "
         "most, and the number is wrong for none.", _same_name, asks_crm=True),
    Rule("same_last_name", Kind.FAMILY,
         "Up to eight contacts have one last name and different full names; the number has no "
         "extension, is no service line, and is wrong for none.", _same_last_name, asks_crm=True),
    Rule("extensions", Kind.SWITCHBOARD,
         "The number has two or more different extensions.", _extensions),
    Rule("service_line", Kind.SWITCHBOARD,
         "Three or more different people have a toll-free, premium-rate or shared-cost number.",
         _service_line),
    Rule("one_company", Kind.SWITCHBOARD,
         "Three or more different people (five, where the line type is unknown) have one "
         "company's domain as website or in their email, and the number is no mobile.",
         _one_company, asks_crm=True),
    Rule("reserved", Kind.PLACEHOLDER,
         "The number is in a range that a regulator keeps for films and tests.", _reserved),
    Rule("not_a_number", Kind.PLACEHOLDER,
         "Three or more different people have a number that no numbering plan has.",
         _not_a_number),
    Rule("repeated_digits", Kind.PLACEHOLDER,
         "Three or more different people have a number that ends in one digit seven times, or in "
         "seven digits in a row, and that is no service line.", _repeated_digits),
    Rule("isolated", Kind.PLACEHOLDER,
         "As many different people as `segments.placeholder_from` says have it, without "
         "extensions, and half of the contacts or more are from isolated sources.", _isolated),
    Rule("mailbox", Kind.UNCLEAR,
         "One email on more than five contacts, or with extensions, may be a shared mailbox.",
         _mailbox),
    Rule("names_differ", Kind.UNCLEAR,
         "The contacts have one email and different names.", _names_differ, asks_crm=True),
    Rule("emails_differ", Kind.UNCLEAR,
         "The contacts have one full name and different emails.", _emails_differ, asks_crm=True),
    Rule("wrong_number", Kind.UNCLEAR,
         "The number is wrong for some of the contacts, so that they share it says little; "
         "evidence other than the number must decide.", _wrong_number),
)  # fmt: skip
