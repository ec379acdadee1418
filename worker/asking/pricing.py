"""In which language somebody is asked, with which words, and what the message costs. Pure."""

from __future__ import annotations

from config.settings import Settings
from worker.asking import emails
from worker.asking.links import CODE_LENGTH
from worker.asking.model import MICROS, AskChannel
from worker.asking.texts import TEXTS, language_of_country, segments
from worker.phones import facts
from worker.suppression import confirm_links


def language_for(settings: Settings, number: str, country: str) -> str:
    """Return the language for a contact: of its country, else of its number's."""
    return language_of_country(country or facts(number).region, settings.asking.languages)


def text_of(settings: Settings, channel: AskChannel, language: str, code: str) -> str:
    """Return the words of a message, with its link."""
    link = link_of(settings, code)
    if channel == "text":
        return TEXTS[language].sms.format(company=settings.feedback.company, link=link)
    return emails.plain(settings, language, link)


def link_of(settings: Settings, code: str) -> str:
    return confirm_links.url(settings.public_url, code)


def price_of(settings: Settings, channel: AskChannel, number: str, language: str) -> int:
    """Return the price of a message in millionths: of each segment, by the number's country."""
    asking = settings.asking
    if channel == "email":
        return round(asking.email_price * MICROS)
    each = asking.sms_prices.get(facts(number).region, asking.sms_price)
    parts = segments(text_of(settings, channel, language, "x" * CODE_LENGTH))
    return round(each * MICROS) * parts
