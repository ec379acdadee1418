"""What a recipient is sent, in each language, and how many segments an SMS of it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from babel.languages import get_official_languages


@dataclass(frozen=True, slots=True)
class Texts:
    """`{company}` and `{link}` are filled in. `sms`: says how to stop, as carriers ask
    (https://www.twilio.com/docs/glossary/what-is-a2p-10dlc)."""

    sms: str
    subject: str
    email: str
    unsubscribe: str


TEXTS: Mapping[str, Texts] = {
    "en": Texts(
        "{company}: is this still your number? Confirm or correct it: {link} Reply STOP to opt out",
        "{company}: is your phone number still right?",
        "{company} has a phone number of yours on file. Please confirm or correct it on this page:",
        "To stop hearing from us, open this page:",
    ),
    "es": Texts(
        "{company}: ¿este teléfono sigue siendo suyo? Confirme o corrija: {link} Responda STOP "
        "para darse de baja",
        "{company}: ¿su número de teléfono sigue siendo correcto?",
        "{company} tiene registrado un número de teléfono suyo. Confírmelo o corríjalo en esta "
        "página:",
        "Para no recibir más mensajes nuestros, abra esta página:",
    ),
    "fr": Texts(
        "{company} : votre numéro est-il toujours celui-ci ? Confirmez ou corrigez : {link} "
        "Répondez STOP pour vous désinscrire",
        "{company} : votre numéro de téléphone est-il toujours le bon ?",
        "{company} a un numéro de téléphone à votre nom dans ses fichiers. Confirmez-le ou "
        "corrigez-le sur cette page :",
        "Pour ne plus recevoir de messages de notre part, ouvrez cette page :",
    ),
    "de": Texts(
        "{company}: Ist das noch Ihre Nummer? Bestätigen oder ändern: {link} Abmelden: mit STOP "
        "antworten",
        "{company}: Stimmt Ihre Telefonnummer noch?",
        "{company} hat eine Telefonnummer von Ihnen gespeichert. Bitte bestätigen oder ändern Sie "
        "sie auf dieser Seite:",
        "Wenn Sie nichts mehr von uns hören möchten, öffnen Sie diese Seite:",
    ),
    "pt": Texts(
        "{company}: este telefone ainda é seu? Confirme ou corrija: {link} Responda STOP para "
        "cancelar",
        "{company}: o seu número de telefone ainda está correto?",
        "{company} tem registado um número de telefone seu. Confirme-o ou corrija-o nesta página:",
        "Para não receber mais mensagens nossas, abra esta página:",
    ),
    "it": Texts(
        "{company}: questo numero è ancora suo? Confermi o corregga: {link} Risponda STOP per non "
        "ricevere altro",
        "{company}: il suo numero di telefono è ancora corretto?",
        "{company} ha registrato un suo numero di telefono. Lo confermi o lo corregga in questa "
        "pagina:",
        "Per non ricevere più nostri messaggi, apra questa pagina:",
    ),
    "pl": Texts(
        "{company}: czy to nadal Pani/Pana numer? Prosimy potwierdzic lub poprawic: {link} "
        "Rezygnacja: odpowiedz STOP",
        "{company}: czy Pani/Pana numer telefonu jest nadal aktualny?",
        "{company} ma zapisany Pani/Pana numer telefonu. Prosimy potwierdzić go lub poprawić na "
        "tej stronie:",
        "Aby nie otrzymywać od nas więcej wiadomości, proszę otworzyć tę stronę:",
    ),
    "uk": Texts(
        "{company}: це досі ваш номер? Підтвердіть або виправте: {link} Щоб відмовитися, "
        "надішліть STOP",
        "{company}: ваш номер телефону не змінився?",
        "У {company} записано ваш номер телефону. Підтвердіть або виправте його на цій сторінці:",
        "Щоб більше не отримувати від нас повідомлень, відкрийте цю сторінку:",
    ),
    "ru": Texts(
        "{company}: это по-прежнему ваш номер? Подтвердите или исправьте: {link} Чтобы "
        "отказаться, ответьте STOP",
        "{company}: ваш номер телефона не изменился?",
        "У {company} записан ваш номер телефона. Подтвердите или исправьте его на этой странице:",
        "Чтобы больше не получать от нас сообщений, откройте эту страницу:",
    ),
}  # fmt: skip
DEFAULT = "en"

# The alphabet of an SMS with 7 bits a character, and what takes two of them: 3GPP TS 23.038, 6.2.1.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("^{}\\[~]|€\f")


def segments(text: str) -> int:
    """Return how many SMS a text is charged as
    (https://www.twilio.com/docs/glossary/what-sms-character-limit).

    >>> segments("a" * 160), segments("a" * 161), segments("ж" * 70), segments("ж" * 71)
    (1, 2, 1, 2)
    """
    if all(char in _GSM or char in _GSM_DOUBLE for char in text):
        length = sum(2 if char in _GSM_DOUBLE else 1 for char in text)
        whole, part = 160, 153
    else:
        length, whole, part = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= whole else -(-length // part)


def language_of_country(country: str, chosen: Mapping[str, str]) -> str:
    """Return the language in which somebody in a country is asked. `chosen`: by the operator.

    >>> [language_of_country(code, {}) for code in ("AT", "BR", "UA", "JP", "")]
    ['de', 'pt', 'uk', 'en', 'en']
    >>> language_of_country("CH", {"CH": "fr"})
    'fr'
    """
    return chosen.get(country) or _most_spoken(country)


@lru_cache(maxsize=512)
def _most_spoken(country: str) -> str:
    if not (country.isascii() and country.isalpha() and len(country) == 2):
        return DEFAULT
    known = get_official_languages(country, de_facto=True)
    return next((language for language in known if language in TEXTS), DEFAULT)
