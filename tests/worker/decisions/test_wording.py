"""The catalogue of wordings: complete in each language, and short enough for the CRM's field."""

from __future__ import annotations

import ast
import re
import string
from dataclasses import fields
from pathlib import Path

import pytest
from babel import Locale

from config.connectors import ReasonLanguage
from worker.decisions import phrases
from worker.decisions.model import FieldDecision, Language, Part, Phrase, Status
from worker.decisions.reasons import reason_of
from worker.decisions.wording import LANGUAGES, MAX_LENGTH, render
from worker.decisions.wording.catalogue import Wording
from worker.phones import parse_field
from worker.web.confirm.translations import TRANSLATIONS

ROOT = Path(__file__).parents[3]
ENGLISH = LANGUAGES["en"]
KEYS = [
    field.name
    for field in fields(Wording)
    if field.name not in ("locale", "valid_numbers", "item", "separator", "same", "this_person")
]
PHRASES = [key for key in KEYS if not key.startswith(("do_", "flag_", "why_", "basis_", "says_"))]
every_language = pytest.mark.parametrize("language", LANGUAGES)


def parameters(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def longest(key: str) -> Phrase:
    """A phrase with the longest values that its parameters are likely to get."""
    values: dict[str, str | Phrase] = {
        "place": "GB", "home": "US", "date": "2026-09-30", "since": "2026-09-30",
        "checked": "2026-09-30", "code": " (HTTP 503)", "provider": "ClearoutPhone Validator",
        "number": "+4915123456789", "field": "MobilePhone", "crm": "salesforce-emea",
        "record": "003000000000001AAA",
        "text": "please take me off your list at once and do not call again", "by": "Ada Lovelace",
        "flag": Phrase("flag_do_not_contact"), "failure": Phrase("delivery_blocked"),
        "basis": Phrase("basis_length"), "why": Phrase("why_not_paid"),
        "what": Phrase("not_in_plan", (("place", "GB"),)),
        "first": Phrase("foreign", (("place", "GB"), ("home", "US"))),
        "second": Phrase("low_confidence", (("basis", Phrase("basis_old_prefix")),)),
        "others": Phrase("says_unreachable", (("provider", "Twilio Lookup"),)),
    }  # fmt: skip
    values["source"] = Phrase("flag_late", (("flag", values["flag"]), ("crm", "salesforce-emea")))
    names = sorted(parameters(getattr(ENGLISH, key)))
    return Phrase(key, tuple((name, values[name]) for name in names))


class TestTheCatalogue:
    def test_has_the_languages_of_the_setting_and_of_the_recipients_page(self) -> None:
        assert set(LANGUAGES) == set(TRANSLATIONS)
        assert set(LANGUAGES) == set(ReasonLanguage.__args__)  # type: ignore[attr-defined]
        assert set(LANGUAGES) == set(Language.__args__)  # type: ignore[attr-defined]

    @every_language
    def test_has_every_text_with_the_parameters_of_the_english_one(
        self, language: Language
    ) -> None:
        for key in (*KEYS, "item"):
            text = getattr(LANGUAGES[language], key)
            assert text.strip() == text, key
            assert text, key
            assert parameters(text) == parameters(getattr(ENGLISH, key)), key

    @every_language
    def test_has_no_colon_but_the_one_after_the_fields_name(self, language: Language) -> None:
        """ "Phone: read with medium confidence: its plus sign was missing" was hard to read."""
        assert [key for key in KEYS if ":" in getattr(LANGUAGES[language], key)] == []
        for key in PHRASES:
            shown = render((Part("Phone", "unverified", longest(key)),), language)
            assert shown.count(":") == 1, shown

    @every_language
    def test_says_nothing_in_english_but_in_english(self, language: Language) -> None:
        wording = LANGUAGES[language]
        may_be_alike = {"said_by", "said_by_though", "joined", "fax"}
        alike = {key for key in KEYS if getattr(wording, key) == getattr(ENGLISH, key)}
        assert (alike <= may_be_alike) == (language != "en")

    @every_language
    def test_fits_the_crms_field_with_the_longest_values(self, language: Language) -> None:
        for key in PHRASES:
            phrase = longest(key)
            for status in ("invalid", "do_not_contact", "unverified", "valid"):
                text = render((Part("AssistantPhone", status, phrase),), language)
                assert len(text) <= MAX_LENGTH, (key, text)
                assert "{" not in text, (key, text)

    @every_language
    def test_most_reasons_of_one_field_are_never_shortened(self, language: Language) -> None:
        cut = {
            key
            for key in PHRASES
            if render((Part("AssistantPhone", "invalid", longest(key)),), language).endswith("…")
        }
        assert cut <= {
            "of_earlier_reading", "of_erased_reading", "on_merged_record", "of_merged_record"
        }  # fmt: skip

    @every_language
    def test_counts_as_the_language_does(self, language: Language) -> None:
        wording = LANGUAGES[language]
        rules = Locale.parse(wording.locale)
        assert set(wording.valid_numbers) >= {rules.plural_form(n) for n in range(1, 30)}

    def test_knows_the_forms_of_the_slavic_languages(self) -> None:
        def valid(count: int, language: Language) -> str:
            return render(tuple(Part(f"Phone{n}", "valid") for n in range(count)), language)

        assert "prawidłowy numer" in valid(1, "pl")
        assert "3 prawidłowe numery" in valid(3, "pl")
        assert "5 prawidłowych numerów" in valid(5, "pl")
        assert "2 верных номера" in valid(2, "ru")
        assert "5 верных номеров" in valid(5, "ru")
        assert "4 правильні номери" in valid(4, "uk")
        assert "6 правильних номерів" in valid(6, "uk")

    def test_writes_dates_and_countries_as_the_language_does(self) -> None:
        fields = [
            FieldDecision("Phone", "invalid", reason="is one digit too short for Germany"),
            FieldDecision(
                "MobilePhone", "wrong_number", reason="reaches somebody else (x, 03 May 2026)"
            ),
        ]
        reason = reason_of(fields)
        assert reason is not None
        shown = {
            "en": ("Germany", "3 May 2026"),
            "de": ("Deutschland", "3. Mai 2026"),
            "es": ("Alemania", "3 de mayo de 2026"),
            "fr": ("Allemagne", "3 mai 2026"),
            "it": ("Germania", "3 maggio 2026"),
            "pt": ("Alemanha", "3 de maio de 2026"),
            "pl": ("Niemcy", "3 maja 2026"),
            "ru": ("Германия", "3 мая 2026"),
            "uk": ("Німеччина", "3 травня 2026"),
        }
        for language in LANGUAGES:
            for word in shown[language]:
                assert word in render(reason, language)


class TestALongReason:
    @every_language
    def test_ends_after_a_word(self, language: Language) -> None:
        statuses: tuple[Status, ...] = ("invalid", "wrong_number", "unreachable", "unverified")
        reason = tuple(
            Part(f"Phone{n}", status, longest(key))
            for n, (status, key) in enumerate(
                zip(statuses, ("foreign", "reassigned", "stopped_by", "hidden"), strict=True)
            )
        )
        whole = render(reason[:1], language)
        text = render(reason, language)
        assert len(text) <= MAX_LENGTH
        assert text.endswith("…")
        assert whole.startswith(text[:60])
        assert not text[-2].isspace()
        assert text[:-1] == text[:-1].rstrip(" ,;:(")

    @pytest.mark.parametrize("character", ["e\u0301", "👩\u200d👧", "👍🏽", "x"])
    @pytest.mark.parametrize("before", ["", "x", "xx", "xxx"])
    def test_is_not_cut_within_a_character(self, character: str, before: str) -> None:
        phrase = Phrase("raw", (("text", before + character * 300),))
        text = render((Part("Phone", "invalid", phrase),), "en")
        assert MAX_LENGTH - len(character) <= len(text) <= MAX_LENGTH
        kept = text.removeprefix(f"Phone: {before}").removesuffix("…")
        assert kept == character * (len(kept) // len(character))


def _literals(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


class TestAPhrase:
    """What is said elsewhere in the product is recognised, so that it can be translated."""

    @pytest.mark.parametrize(
        "text",
        [
            "must not be contacted (replied STOP, 03 May 2026)",
            "must not be contacted (replied “take me off”, 03 May 2026)",
            "must not be contacted (somebody ticked 'do not call' in hubspot, 03 May 2026)",
            "must not be contacted ('do not contact' was ticked in hubspot when it was first read,"
            " 03 May 2026)",
            "must not be contacted (on the list DNC 2026, 03 May 2026)",
            "must not be contacted (opted out by a reply such as STOP (21610), 03 May 2026)",
            "reaches somebody else (an agent logged “Wrong number” for a call, 03 May 2026)",
            "reaches somebody else (a reply, read by ada, 03 May 2026)",
            "was replaced by its owner (the person gave another number on our page, 03 May 2026)",
            "takes no texts (message failed: the number is a landline (30006), 03 May 2026)",
            "is not texted (a reply that may be an opt-out waits for review, 03 May 2026)",
            "is not texted (a reply that may be an opt-out waits for review (said of +4343017285, "
            "which Phone was read as until 02 May 2026), 03 May 2026)",
            "cannot be reached (message failed: the handset cannot be reached (30003), 03 May 2026)"
            " (delivery reports)",
            "was given to somebody else after 10 Jan 2024 (checked 28 Nov 2026)",
            "is not in service (Twilio Lookup; NumVerify says valid and Clearout says invalid)",
            "counts as valid by Twilio Lookup, though NumVerify says invalid",
            "must not be contacted (replied STOP (on record 0031, which lives on in this one), "
            "03 May 2026)",
            "could not be checked yet: today's budget is used up",
            "could not be checked yet: today's budget for Twilio Lookup is used up",
            "could not be checked again: Twilio Lookup did not answer in time",
            "could not be checked again: Twilio Lookup asks us to slow down (HTTP 429)",
            "has a country code that does not exist (+999)",
            "is one digit too short for North America",
            "is too long for +870",
            "is a number of France, while the contact is in the United States; it is read with "
            "medium confidence: its plus was left out",
            "is read as a number of Germany, after the contact's website",
            "must not be contacted (replied STOP (said of +4930901820, which Phone was read as "
            "until 01 May 2026), 03 May 2026)",
        ],
    )
    def test_of_the_product_is_recognised_to_its_last_part(self, text: str) -> None:
        assert _is_known(phrases.parse(text)), phrases.parse(text)

    @pytest.mark.parametrize(
        "path", ["worker/phones/text.py", "worker/phones/field_parser.py",
                 "worker/phones/number_parser.py", "worker/phones/metadata.py",
                 "worker/verification/providers/numverify.py",
                 "worker/verification/providers/clearoutphone.py"],
    )  # fmt: skip
    def test_that_a_module_says_of_a_field_is_recognised(self, path: str) -> None:
        of_a_field = re.compile(r"(?:holds|is|has|was|looks) [a-z' ,]{6,}[a-z]")
        literals = {literal for literal in _literals(path) if of_a_field.fullmatch(literal)}
        templates = {"is a number of", "is not a number that exists in the plan of"}
        unknown = {
            literal for literal in literals if not _is_known(phrases.parse(literal))
        } - templates
        assert not {literal for literal in unknown if not literal.endswith(("for", " of"))}, unknown

    def test_that_real_phone_fields_bring_is_recognised(self) -> None:
        texts = ["n/a", "ada@example.com", "1.4155E+10", "0000000000", "12345678", "911", "4155",
                 "555-01", "+1 415 555 0123", "+44 20 7946 09", "(0)30", "+999 1234567", "word",
                 "12.05.2026", "415-555-2671-99", "030/901820", "+49 (0) 30 901820"]  # fmt: skip
        for text in texts:
            for region in (None, "US", "DE", "GB"):
                reading = parse_field(text, region)
                for remark in (reading.reason, reading.remark):
                    assert not remark or _is_known(phrases.parse(remark)), remark

    def test_that_nobody_knows_is_kept_as_it_is(self) -> None:
        phrase = phrases.parse("must not be contacted (she told Bob, twice, 03 May 2026)")
        assert phrase.args[0] == ("source", phrases.raw("she told Bob, twice"))
        assert phrases.parse("is odd (Some Provider)") == Phrase(
            "said_by", (("what", phrases.raw("is odd")), ("provider", "Some Provider"))
        )


def _is_known(phrase: Phrase) -> bool:
    nested = [value for _, value in phrase.args if isinstance(value, Phrase)]
    return phrase.key in KEYS and all(map(_is_known, nested))


def test_every_key_of_the_catalogue_can_be_said() -> None:
    source = "".join(
        (ROOT / "worker/decisions" / name).read_text("utf-8")
        for name in ("phrases.py", "wording/render.py")
    )
    assert [key for key in KEYS if f'"{key}"' not in source and f".{key}" not in source] == [
        "says_valid", "says_invalid", "says_unreachable"
    ]  # fmt: skip
