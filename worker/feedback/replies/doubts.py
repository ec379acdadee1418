"""What makes a clear phrase unclear in any language: it speaks of mail, a thing, a slip, or later.

Patterns are over normalized text (`text.normalize`).
"""

from __future__ import annotations

import re
from typing import Literal

from worker.feedback.replies.phrases import WordPattern
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
# "Stop sending me voice notes": a form of message, and not messages.
_FORM = re.compile(
    r"\b(?:voice (?:notes?|messages?|memos?|clips?)|audios?\b|vocal[ei]?\b|vocaux"
    r"|sprachnachricht\w*|sprachmemos?|nagran\w*|glosowk\w*|glosow\w*|голосов\w*|аудио\w*|аудіо\w*"
    r"|all caps|in caps|capitals|capital letters|upper ?case|maiuscol\w*|stampatello"
    r"|mayuscul\w*|majuscul\w*"
    r"|grossbuchstaben|maiuscul\w*|wielkimi|капсом|капслоком|заглавными|великими)"
)
# A bell is rung in the words of calls.
_BELL = re.compile(
    r"\b(?:dzwonk\w+|domofon\w*|drzwi|klingel|turklingel|door ?bell|the bell|intercom|timbre"
    r"|sonnette|interphone|campanello|citofono|campainha|двер\w*|домофон\w*|звонок в)\b"
)
# "Don't call, I'll call you", "not now, later is fine".
_LATER = re.compile(
    r"\b(?:(?:i (?:will|am going to|can)|ill) (?:call|text|phone|ring|contact|message|write to"
    r"|get back to) (?:you|u)\b|mas (?:tarde|adelante)|mais (?:tarde|logo)|piu (?:tardi|avanti)"
    r"|plus tard\b|spater|pozniej|later (?:is|would be|will be|on|works|today|maybe)|позже"
    r"|попозже|пізніше"
    r"|yo (?:l[oae]s?|te|me|ya)? ?(?:llamo|llamare|escribo|comunico)"
    r"|je vous (?:rappell|recontact)\w*"
    r"|ich (?:melde mich|rufe (?:sie |euch |dich )?(?:selbst |dann |selber )?(?:an|zuruck))"
    r"|eu (?:(?:te |lhe )?(?:ligo|chamo|retorno|aviso)|entro em contato)"
    r"|(?:vi|ti|la) (?:chiamo|richiamo|ricontatto) (?:io|noi)|(?:sama?|ja) (?:za|od)dzwonie"
    r"|(?:za|od)dzwonie sama?|сама? (?:вам )?(?:позвоню|перезвоню|напишу|зателефоную|передзвоню"
    r"|подзвоню)|(?:позвоню|перезвоню|напишу|зателефоную|передзвоню|подзвоню) (?:вам )?сама?\b)"
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
    r"|recipient|empfang|odbiorc|адресат|абонент|получат|отримув|одержув|movil|celular"
    r"|[kc]lient|gente|mamma|mutter"
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
# Who asks for the messages again, in words that mean nothing else. Hardly a sentence has one of
# the first, and is looked at further.
_SUBSCRIBES = WordPattern(
    r"subscri|suscri|inscri|inscrev|iscri|cadastr|abonn|anmelden|eintragen|aufnehmen|apunt|again"
    r"|zapis|dopis|подпис|підпис"
)
_SUBSCRIBES_AGAIN = re.compile(
    r"\b(?:re ?(?:subscrib|suscrib|inscri|abonn)\w*|riiscri\w*|(?:sign|opt|subscribe|join)"
    r" (?:me |us |myself )?(?:up |in |back )*again|(?:volver|vuelv\w+|voltar|volt\w+) a (?:me )?"
    r"(?:inscri|inscrev|suscrib|apunt)\w*|(?:inscrev|cadastr|iscriv)\w* (?:\w+ ){0,3}(?:de novo"
    r"|novamente|di nuovo|ancora)|wieder (?:\w+ ){0,3}(?:anmelden|abonnieren|eintragen|aufnehmen)\b"
    r"|(?:zapis|dopis)\w* (?:\w+ ){0,3}(?:ponownie|znowu|znow|z powrotem)"
    r"|(?:ponownie|znowu|znow) (?:\w+ ){0,2}(?:zapis|dopis)\w*"
    r"|(?:снова|обратно|опять|заново) (?:\w+ ){0,2}подпис\w*"
    r"|подпис\w* (?:\w+ ){0,3}(?:снова|обратно|опять|заново)"
    r"|(?:знову|назад|наново) (?:\w+ ){0,2}підпис\w*"
    r"|підпис\w* (?:\w+ ){0,3}(?:знову|назад|наново))"
)
_NEGATION = re.compile(
    r"\b(?:no|not|dont|never|stop|nie|nicht|kein\w*|ne|pas|plus|jamais|non|mai|nao|nunca|jamas|не"
    r"|ніколи|никогда|больше|більше|nigdy)\b"
)


def is_for_later(sentence: str) -> bool:
    """Whether a sentence only puts something off: they will be in touch, or later is fine.

    >>> is_for_later("do not call ill call you"), is_for_later("do not call me again")
    (True, False)
    """
    return _LATER.search(sentence) is not None


def subscribes_again(sentence: str) -> str:
    """The words of a sentence that asks for the messages again, "" of any other.

    >>> subscribes_again("how do i resubscribe"), subscribes_again("never sign me up again")
    ('resubscribe', '')
    """
    if not _SUBSCRIBES.is_in(sentence):
        return ""
    match = _SUBSCRIBES_AGAIN.search(sentence)
    return match.group() if match is not None and not _NEGATION.search(sentence) else ""


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
        if _FORM.search(near) or _BELL.search(near) or is_for_later(sentence):
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
