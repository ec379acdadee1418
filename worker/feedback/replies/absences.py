"""Find replies that say only that somebody is not there: "no Kim here".

`names` holds few names, and people are called anything. Where a reply is one of these frames and
nothing else, whatever stands in it for a name is one, unless it is a thing that people miss ("no
milk here"). A person looks at such a reply; only what the language files know is flagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from worker.feedback.replies.names import GIVEN_NAMES, NOT_NAMES
from worker.feedback.replies.text import normalize

_MOST = 60  # characters of a sentence that says only this
_NAME = (
    r"(?:(?:mrs?|ms|miss|dr|herrn?|frau|m|mme|sra?|se[nñ]ora?|sig(?:nora?|na)?|pan[ai]?)\.?\s+)?"
    r"(?P<name>[^\W\d_]+(?:['’-][^\W\d_]+)?)(?:\s+(?P<second>[^\W\d_]+))?"
)
_BEFORE = (
    r"(?:(?:sorry|nope|no|nah|hi|hello|hey|wrong|um|entschuldigung|sorry aber|nein|hallo|perd[oó]n"
    r"|lo siento|hola|d[eé]sol[eé]e?|non|bonjour|desculp[ea]|n[aã]o|ol[aá]|scusi?|ciao|przepraszam"
    r"|nie|cześć|извините|простите|нет|вибачте|ні)[,.!;:]*\s+)?"
)


# By language: frames that speak of a place, in which anything is a name; and those in which only
# what is written like one is. {} stands for it.
_PLACES = {
    "en": (
        r"(?:(?:there(?: is|['’]?s)?|ai?n['’]?t|got|we have|we['’]ve got) )?(?:no|any) {}"
        r" (?:(?:lives |works )?(?:here|there)|(?:at|on|under|with) (?:this|my|the) "
        r"(?:number|phone|line|place|house|address))",
        r"there (?:are|aren['’]?t|is|isn['’]?t) (?:no|any|a) {} here",
        r"there(?: is|['’]?s) no {}",
    ),
    "de": (
        r"(?:hier )?(?:ist |gibt['’]?s |gibt es |wohnt )?(?:hier )?keine?[nr]? {}"
        r" (?:hier|da|unter dieser nummer|in diesem haus)",
        r"(?:hier )?hei(?:ß|ss)t (?:hier )?niemand {}",
        r"niemand (?:hier )?hei(?:ß|ss)t(?: hier)? {}",
    ),
    "es": (r"(?:aqu[ií] )?nadie (?:aqu[ií] )?se llama {}", r"ning[uú]n[ao]? {} (?:aqu[ií]|ac[aá])"),
    "fr": (r"(?:pas d['e ]|aucune? |pas ) ?{} ici", r"personne ne s['’ ]?appelle {}"),
    "pt": (r"(?:aqui )?ningu[eé]m (?:aqui )?(?:se chama|chamad[oa]) {}", r"nenhuma? {} aqui"),
    "it": (r"(?:qui )?nessuno (?:qui )?si chiama {}", r"nessun[ao]? {} qui"),
    "pl": (
        r"(?:nie ma |[zż]adn(?:ego|ej) )(?:tu |tutaj ){}",
        r"nikt (?:tu )?(?:si[eę] )?(?:tak )?nie nazywa(?: si[eę])? {}",
    ),
    "ru": (r"(?:тут|здесь) (?:никого|никто) (?:не зовут|по имени) {}", r"(?:тут|здесь) нету? {}"),
    "uk": (r"тут (?:нікого|ніхто) (?:не звуть|на ім['’]?я) {}", r"тут нема(?:є)? {}"),
}
_NAMES = {
    "en": (
        r"(?:no|not) {}",
        r"{} (?:is not|isn['’]?t|ain['’]?t|not|is no longer) (?:here|at this number)",
        r"{} who",
        r"you want {},? i['’]?m not",
    ),
    "de": (r"(?:keine?[nr]?|nicht) {}", r"{} ist nicht (?:hier|da)"),
    "es": (r"no (?:es|hay|existe) {}",),
    "fr": (r"(?:pas d['e ]|aucune? |pas ) ?{}", r"{} n['’ ]?est pas (?:l[aà]|ici)"),
    "pt": (r"n[aã]o (?:tem|h[aá]|[eé]) {}", r"quem [eé] {}"),
    "it": (r"(?:non c['’ ]?[eè]|nessun[ao]?|non [eè]) {}",),
    "pl": (r"(?:nie ma|tu nie|to nie|nie|[zż]aden|[zż]adna) {}",),
    "ru": (r"(?:это |я )?не (?:знаю )?{}", r"нет {}"),
    "uk": (r"(?:це |я )?не (?:знаю )?{}", r"нема(?:є)? {}"),
}
# What is missed, wished or said, and no person.
_THINGS = NOT_NAMES | frozenset("""
    problem problems prob probs worries worry need time idea ideas clue way doubt chance choice
    comment thanks thank thx more longer one body nobody matter wonder reason reply answer
    response signal service reception wifi internet network power light water hot gas food milk
    coffee tea bread money cash change card parking bus buses train trains taxi traffic room
    rooms space seat seats news classes class school work lesson lessons lecture exam rain snow
    sun wind pain fever complaint complaints regrets pressure rush luck fun hurry stress biggie
    offence offense hard hello want da what right sir maam man bro dude obligation pastry kids
    kid pets dogs cats smoking drama love life sleep smell noise difference excuse excuses hope
    use point good joy entry exit delivery package order such person people human men women boys
    girls guys customers clients staff everybody everyone somebody someone anyone anybody mom
    mum mommy mummy dad daddy mother father boss friend friends brother sister wife husband son
    daughter baby teacher doctor he she it they this that these those ready important yet today
    tomorrow tonight now anymore again still always else interested sure really bad guess says
    said cares knows according dr all weather battery interesse lust zeit ahnung bock sorge
    sorgen ding probleme geld werbung angst panik hunger anrufe anruf nachrichten nachricht sms
    mails mail spam handy empfang netz strom wasser parkplatz platz milch brot kaffee termin
    termine schule arbeit thema frage fragen antwort jetzt heute morgen mehr nochmal wichtig
    schlimm gut mutter vater mama papa chef jemand niemand personen mensch menschen bedarf
    interessiert werbesms kontakt danke bitte problema problemas tiempo dinero agua luz comida
    leche clases clase trabajo nada nadie hoy ahora mas gracias verdad justo bueno cierto
    posible necesario interes senal souci soucis temps envie argent eau lumiere lait cafe cours
    travail rien personne mal merci grave encore maintenant vrai possible question reseau quoi
    tempo dinheiro leite aula aulas trabalho ninguem hoje agora mais verdade bom certo possivel
    necessario problemi soldi acqua luce latte lavoro scuola niente nessuno oggi adesso piu
    grazie vero giusto possibile problemu czasu pieniedzy wody mleka chleba pracy sprawy nic
    nikogo dzis teraz wiecej dziekuje sensu prawda dobrze mozna trzeba za co проблем времени
    денег воды света хлеба молока работы сегодня сейчас больше спасибо правда можно нужно надо
    проблема вопрос сил слов нового связи никого ничего так там тут здесь я мы он она оно они
    знаю хочу могу буду понял понимаю помню верю думаю уверен уверена дома завтра проблеми часу
    грошей води світла роботи сьогодні зараз більше дякую можна треба слів нічого нікого ми він
    вона воно вони можу розумію впевнений
    """.split())  # fmt: skip
_MARKS = " \t.!,;:"
# Words of which each frame holds one: most sentences hold none, and are not looked at further.
_LEADS = frozenset("""
    no not any aint arent isnt who want kein keine keinen keiner keinem nicht niemand nadie ningun
    ninguna ninguno pas personne aucun aucune ninguem nenhum nenhuma nao quem nessun nessuna nessuno
    non nie zaden zadna zadnego zadnej nikt не нет нету никто никого нема немає ніхто нікого
    """.split())  # fmt: skip


@cache
def _frames(code: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """The frames of a language, and whether anything in one is a name unless it is a thing."""
    return tuple(
        (re.compile(_BEFORE + frame.replace("{}", _NAME), re.IGNORECASE), anybody)
        for frames, anybody in ((_PLACES[code], True), (_NAMES[code], False))
        for frame in frames
    )


def absent_person(sentence: str, folded: str, codes: Iterable[str]) -> str:
    """Return the language of a sentence that says only that a person is not there; "" of others.

    `folded`: the sentence, normalized. `codes`: the languages that it may be in.

    >>> absent_person("no Kim here", "no kim here", ["de", "en"])
    'en'
    >>> absent_person("no milk here", "no milk here", ["en"])
    ''
    """
    if len(folded) > _MOST or _LEADS.isdisjoint(folded.split()):
        return ""
    said = sentence.strip(_MARKS)
    return next((code for code in codes if _is_absence(said, code)), "")


def _is_absence(said: str, code: str) -> bool:
    for pattern, anybody in _frames(code):
        if (match := pattern.fullmatch(said)) is None:
            continue
        name, second = match["name"], match["second"]
        words = [normalize(word) for word in (name, second) if word]
        is_name = anybody or words[0] in GIVEN_NAMES or _is_written_as_a_name(name)
        if is_name and _THINGS.isdisjoint(words):
            return True
    return False


def _is_written_as_a_name(word: str) -> bool:
    return word[:1].isupper() and (len(word) == 1 or not word.isupper())
