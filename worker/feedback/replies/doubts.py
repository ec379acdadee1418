"""What makes a clear phrase unclear in any language: it speaks of mail, of a thing, or of a slip.

Patterns are over normalized text (`text.normalize`).
"""

from __future__ import annotations

import re
from typing import Literal

from worker.feedback.replies.vocabulary import COMMON_WORDS

_MAIL = re.compile(
    r"\b(?:e ?mail\w*|mails?|maile\w*|maila\w*|correos?|courriels?|posta elettronica"
    r"|электронн\w+|електронн\w+|(?:на|по) (?:почт|пошт)\w+|имеил\w*|емеил\w*|emailow|emailami)\b"
)
_OTHER_CHANNELS = re.compile(
    r"\b(?:text|sms|messag|mensa[jg]|messagg|nachricht|wiadomos|сообщ|повідом|смс|эсэмэс|есемес"
    r"|calls?\b|phone|number|numero|nummer|numer|номер|mailing|list|verteiler|everything|anything"
    r"|anruf|llamad|appels?\b|chiamat|ligac|dzwon|звон|дзвін|дзвон)"
)
_BESIDE = 24  # characters after a phrase in which its object stands
# "You were wrong in the invoice": a place that is no number and nobody.
_PLACE = re.compile(
    r"\b(?:en|dans|in|im|nel\w*|sul\w*|bei|beim|na|no|em|w|we|в|во|у|на|sur|mit|with|on|about)"
    r" (?:(?:la|el|le|l|il|lo|the|my|der|die|das|den|dem|a|o|as|os|mi|su|il|una?"
    r"|moj\w*|meu|minha|mein\w*|mon|ma|votre|notre|моем|моеи|моїм) ){0,2}(\w+)"
)
_CONTACT = re.compile(
    r"num|nr\b|номер|phone|tel|телеф|cell|mobil|handy|komork|line|linea|person|pessoa|человек|людин"
    r"|osob|name|nom\b|nome|nombre|имен|contact|kontakt|contat|leitung|anschluss|destina|receiver"
    r"|recipient|empfang|odbiorc|адресат|абонент|получат|отримув|одержув|movil|celular|[kc]lient|gente|mamma|mutter"
)
# "You got the size wrong": what somebody got wrong, right after the word that says so. Russian and
# Ukrainian tell it by the ending.
_THING = re.compile(
    r"\b(?:(?:equivoc\w+|confundi\w+|tromp\w+|sbagliat\w|engan\w+|err(?:ou|aram))"
    r" (?:de|di|d) (?P<of>\w+)"
    r"|(?:sbagliato|errou|erraram|pomylil\w*)"
    r" (?:(?:il|lo|la|l|i|le|o|a|os|as|pan|pani|panstwo|sie|wam|ci|chyba) ){0,3}(?P<it>\w+)"
    r"|(?:ошиб\w+|обозна\w+|перепута\w+|помил\w+|переплута\w+|сплута\w+)"
    r" (?:(?:видимо|наверное|похоже|кажется|мабуть|певно|схоже|здається) )?"
    r"(?P<with>\w{2,}(?:ом|ем|єм|ои|еи|ью|ою|ею|єю|ами|ями|има)))\b"
)
_ADDRESS = re.compile(r"adres|indirizz|endereco|direccion|адрес")
_NO_THINGS = frozenset(
    "потом совсем всем тем этом чем нем мнои тобои вами нами тобою мною зовсім цьому вечером ночью"
    " снова друзья дружище nuovo ancora signora signore scusi scusa spiacente senhor senhora"
    " amigo amiga".split()
).union(*COMMON_WORDS.values())
_ERRED = re.compile(r"equivoc|tromp|sbagliat|geirrt|engan|pomyl|ошиб|помил|wrong|mistak|errad")
_SPEAKS_OF_NUMBER = re.compile(r"num|номер|phone|person|pessoa|человек|людин|osob|verwahlt")
# "I unsubscribed by mistake", "I still want them": the opposite is asked.
_LEAVING = re.compile(
    r"unsub|\bopt|cancel|cancell|desabon|desinscri|disiscri|abgemeld|abmeld|abbestell|wypis|отпис"
    r"|відпис|descadastr|\bbaja\b|stop|desuscri|remov|borr|delet|geloscht|удал|видал|usun"
)
_SLIP = re.compile(
    r"\b(?:by (?:mistake|accident)|accidentally|mistakenly|por error|sin querer|par erreur"
    r"|per (?:sbaglio|errore)|aus versehen|versehentlich|irrtumlich|por (?:engano|acidente)"
    r"|sem querer|przez (?:pomyl\w+|przypadek)|przypadk(?:iem|owo)|niechcacy|omylkowo|случаино"
    r"|по ошибке|нечаянно|випадково|помилково)\b"
)
_BACK = re.compile(
    r"\b(?:re ?(?:subscri|susbri|inscri|abonn|aktivier)\w*|riiscri\w*|reiscri\w*|rimett\w+"
    r"|remett\w+|(?:subscribe|sign up|join|opt in) (?:me )?again"
    r"|(?:put|add|sign|opt|get|take|let) (?:me |us )?back (?:in|on)(?:to)?\b"
    r"|still want (?:them|the|your|to (?:get|receive))"
    r"|(?:inscrev|cadastr|inclu|coloqu|adicion)\w* (?:\w+ ){0,3}de (?:novo|volta)"
    r"|(?:receber|recibir|recevoir|ricevere) (?:de novo|de nuevo|a nouveau|ancora|di nuovo)"
    r"|recibir(?:los|las)? otra vez"
    r"|(?:volver|vuelv\w+|voltar|volt\w+) a (?:\w+ )?(?:recib|receb|inscri|inscrev|suscrib|apunt)"
    r"\w*"
    r"|(?:iscriv|inser|aggiung)\w* (?:\w+ ){0,3}(?:di nuovo|ancora)"
    r"|wieder (?:\w+ ){0,4}(?:auf|an|ein|anmelden|bekommen|erhalten|haben|aufnehmen|eintragen)\b"
    r"|(?:zapis|dopis|wpis|dodaj|wlacz)\w* (?:\w+ ){0,3}(?:ponownie|znowu|znow|z powrotem)"
    r"|(?:ponownie|znowu|znow|z powrotem) (?:\w+ ){0,2}(?:zapis|dopis|wpis|dodaj|wlacz|dosta)\w*"
    r"|(?:снова|обратно|опять|заново) (?:\w+ ){0,2}(?:подпи|получ|включ|добав|верн)\w*"
    r"|(?:подпи|включ|добав|верн)\w* (?:\w+ ){0,3}(?:снова|обратно|опять|заново)"
    r"|(?:знову|назад|наново) (?:\w+ ){0,2}(?:підпи|отрим|увімк|дода|поверн)\w*"
    r"|(?:підпи|увімк|дода|поверн)\w* (?:\w+ ){0,3}(?:знову|назад|наново))"
)
_NEGATION = re.compile(
    r"\b(?:no|not|dont|never|stop|nie|nicht|kein\w*|ne|pas|plus|jamais|non|mai|nao|nunca|jamas|не"
    r"|ніколи|никогда|больше|більше|nigdy)\b"
)


def is_doubtful(
    kind: Literal["opt_out", "opt_in", "wrong_number"], match: re.Match[str], sentence: str
) -> bool:
    """Whether a person should look at a sentence in which a phrase of this kind was found.

    >>> sentence = "you were wrong on the bill"
    >>> is_doubtful("wrong_number", re.match("you were wrong", sentence), sentence)
    True
    """
    after = sentence[match.start() :]
    if kind == "opt_out":
        near = sentence[match.start() : match.end() + _BESIDE]
        if _MAIL.search(near) and not _OTHER_CHANNELS.search(near):
            return True
        if _LEAVING.search(match.group()) and _SLIP.search(after):
            return True
        return bool(_BACK.search(sentence) and not _NEGATION.search(sentence))
    if kind == "wrong_number" and not _SPEAKS_OF_NUMBER.search(match.group()):
        if _LEAVING.search(sentence) and _SLIP.search(sentence):
            return True
        if not _ERRED.search(match.group()) or _CONTACT.search(after):
            return False
        return _PLACE.search(after) is not None or _names_a_thing(after)
    return False


def _names_a_thing(after: str) -> bool:
    """Whether what somebody got wrong is named, in a text that speaks of no contact."""
    match = _THING.search(after)
    if match is None:
        return False
    thing = match["of"] or match["it"] or match["with"]
    return len(thing) > 2 and thing not in _NO_THINGS and not _ADDRESS.match(thing)
