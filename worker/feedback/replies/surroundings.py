"""Judges what stands beside the words of a request: whether a message says little else."""

from __future__ import annotations

import re

from worker.feedback.replies.intents import Intent
from worker.feedback.replies.keywords import EVERYDAY_KEYWORDS
from worker.feedback.replies.language import Language
from worker.feedback.replies.phrase_search import has_weak_words
from worker.feedback.replies.phrases import WordPattern

# A match with one of these words speaks of being contacted, wherever in a message it stands.
CONTACT_WORDS = WordPattern(
    r"unsub|su[bs]*crip|subscri|desabon|inscri|abmeld|abbestell|wypis|отпис|отпиш|відпис|відпиш|подпис|підпис|descadastr"
    r"|\bopt|optout|\blists?\b|\blista|\bliste|verteiler|database|datenbank|base de d|\bbaz[ay]"
    r"|consen|consent|permis|einwillig|zgod|соглас|згод|messag|mensa[jg]|messagg|nachricht"
    r"|wiadomos|сообщени|повідомлен|\bsms|смс|\btexts\b|textos|publici|propagand|werb"
    r"|pubblicit|\bpubs?\b|reklam|реклам|рассыл|розсил|spam|спам|number|numero|nummer|номер|numer"
    r"|\bdaten\b|\bdatos|\bdados|donnees|\bdati\b|\bdane\b|данн|\bdnc\b|do not (?:call|contact)"
    r"|marketing|promo|contact|kontakt|contat|bloctel|robinson|solicit|person|persona|pessoa"
    r"|личн|людин|человек|особ|osob|verwahlt|verwaehlt|pomyl|ошиб|помил|equivoc|enganad|engano"
    r"|sbagliat|tromp|erreur|owner|besitzer|dueno|dono\b|proprietari|wlascicie|владел|власник"
)
SPEAKS_OF_CONTACT = WordPattern(
    rf"{CONTACT_WORDS.pattern}|texting|calling|escribi|llam|appel|anruf"
)
# A match with one of these is as often said to a friend: it must be all that a message says.
_RUDE_WORDS = re.compile(
    r"fuck|piss|bugger|\bsod|buzz|eff off|get lost|go away|go to hell|get a life|alone|in ruhe"
    r"|in frieden|verpiss|\bhaut? ab|\bgeh\w* |fick|leck|en paz|tranquil|mierda|carajo|diablo"
    r"|verga|chingad|faire|chier|degage|cass\w|paix|in pace|stare|perdere|quel paese|affancul"
    r"|fancul|sparite|rompe|em paz|sossegad|quiet|foder|fuder|merda|daqui|sumam|embora|\bspokoj"
    r"|spadaj|pierd|odczep|odwal|в покое|отстан|отвал|отвяж|иди|\bпошел|\bпошл|спокіи|спокої"
    r"|відчеп|відстан|відвал|\bіди|\bідіть"
    r"|want out|let me out|get me out|stop (?:it|this|that|now|already)\b"
)
# Words that add nothing to a sentence beside what was recognised in it.
FILLER = frozenset("""
    i me my you your u ur we us our this that it is am are be the a an and or so to for of at on in
    just really very please ever again anymore any more now immediately today asap have has had
    do not no yes will would could can all guys already thanks thank hi hello hey sir maam ok okay
    sorry but what the hell fucking damn goddamn stupid bloody told asked said think believe
    yo tu usted ustedes el la los las de que por favor y a en mi me ya gracias hola senor senora
    je vous tu nous le les des du et ce cette svp merci bonjour bitte ich sie ihr euch und danke
    hallo der die das den dem o os as um uma e voce voces eu obrigado obrigada ola il lo gli una
    prego grazie ciao per favore non so prosze ja pan pani panstwo dziekuje to sie я вы ты мы это
    nein oui si tak sim nao nie yeah yep nope нет да ні так
    и пожалуиста спасибо здравствуите уже мне меня ви ти ми це дякую будь ласка вже мені мене
    """.split())  # fmt: skip
_MAX_BESIDE = 6  # words of a sentence that may stand beside what was recognised in it
_MAX_BESIDE_RUDE = 0  # the same, of the whole message


def says_little_else(match: re.Match[str], meant: str, rest: str) -> bool:
    """Whether a sentence, or for what friends say to each other the message, says only this."""
    beside = content_words(meant[: match.start()] + " " + meant[match.end() :])
    if _RUDE_WORDS.search(match.group()) and not CONTACT_WORDS.is_in(match.group()):
        if CONTACT_WORDS.is_in(rest) or CONTACT_WORDS.is_in(meant):
            return beside <= _MAX_BESIDE
        return beside + content_words(rest) <= _MAX_BESIDE_RUDE
    if CONTACT_WORDS.is_in(match.group()):
        return beside <= 2 * _MAX_BESIDE
    return beside <= _MAX_BESIDE and (
        content_words(rest) <= 2 * _MAX_BESIDE or CONTACT_WORDS.is_in(rest)
    )


def content_words(text: str) -> int:
    words = text.split()
    return len(words) - sum(map(FILLER.__contains__, words))


def stands_by_itself(keyword: Intent, rest: str, readers: tuple[Language, ...]) -> bool:
    """Whether a keyword that is one sentence of several is a request: the rest speaks of contacts
    as well, or says nothing. Never for consent, nor for words that friends say to each other."""
    if keyword.kind == "opt_in":
        return False
    says_nothing = FILLER.issuperset(rest.split())
    if EVERYDAY_KEYWORDS.search(keyword.evidence):
        return says_nothing
    if says_nothing or any(map(SPEAKS_OF_CONTACT.is_in, (keyword.evidence, rest))):
        return True
    return has_weak_words(rest, readers)
