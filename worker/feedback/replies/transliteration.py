"""Turns Russian and Ukrainian in Latin letters ("ne pishite mne") back into Cyrillic ones."""

from __future__ import annotations

import re

# Words that are Russian or Ukrainian in Latin letters and nothing in the other languages.
_SIGNS = frozenset("""
    ne net nomer nomerom bolshe bolche bilshe mne mene meni menya menia vy vi vas vash vashi eto
    etot pishite pishi pyshit pysaty pisat zvonite zvoni dzvonit dzvonyt pozhaluysta pozhaluista
    pojaluista pazhalusta budlaska bud laska hvatit khvatit otpishite otpisatsya otpishit vidpyshit
    vidpysatysya otpiska perestante perestantye prekratite prypynit spasibo dyakuyu zdravstvuyte
    kto hto takoy takoi tut takogo takih netu nema nemaye oshiblis pomylylys tot chelovek
    soobshcheniya soobscheniya smski rassylku rassilku rozsylku udalite vydalit uberite menja nado
    ostavte otstante dostali nikogda ya ja on ona zdes uzhe uje vzhe drugoy drugogo nuzhno
    prisylayte prisilayte nadsylayte bespokoyte turbuyte dosyt godi ce tse tsey cey
    """.split())  # fmt: skip
_STRONG = frozenset("""
    nomer nomerom bolshe bolche bilshe menya pishite zvonite hvatit khvatit otpishite otpisatsya
    vidpyshit vidpysatysya perestante prekratite prypynit oshiblis pomylylys udalite vydalit
    uberite otstante pozhaluysta pozhaluista rassylku rassilku rozsylku dzvonit pyshit takogo
    soobshcheniya soobscheniya otpiska ostavte prisylayte nadsylayte turbuyte bespokoyte
    """.split())  # fmt: skip
_LETTERS = (
    ("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("ch", "ч"), ("sh", "ш"),
    ("yu", "ю"), ("ju", "ю"), ("iu", "ю"), ("ya", "я"), ("ja", "я"), ("yo", "е"), ("jo", "е"),
    ("ye", "е"), ("je", "е"), ("ay", "аи"), ("ey", "еи"), ("oy", "ои"), ("uy", "уи"), ("iy", "ии"),
    ("yy", "ыи"), ("a", "а"), ("b", "б"), ("v", "в"), ("w", "в"), ("g", "г"), ("d", "д"),
    ("e", "е"), ("z", "з"), ("i", "и"), ("j", "и"), ("k", "к"), ("l", "л"), ("m", "м"),
    ("n", "н"), ("o", "о"), ("p", "п"), ("r", "р"), ("s", "с"), ("t", "т"), ("u", "у"),
    ("f", "ф"), ("h", "х"), ("x", "х"), ("c", "ц"), ("y", "ы"), ("q", "к"), ("4", "ч"),
)  # fmt: skip
_CYRILLIC = dict(_LETTERS)
_SOUNDS = re.compile("|".join(re.escape(latin) for latin, _ in _LETTERS))
# What the table cannot know: soft signs, and Ukrainian letters.
_WHOLE_WORDS = {
    "bolshe": "больше", "bolche": "больше", "bilshe": "більше", "perestante": "перестаньте",
    "otstante": "отстаньте", "ostavte": "оставьте", "pozhaluysta": "пожалуиста",
    "pozhaluista": "пожалуиста", "pojaluista": "пожалуиста", "pazhalusta": "пожалуиста",
    "otpisatsya": "отписаться", "vidpysatysya": "відписатися", "vidpyshit": "відпишіть",
    "vidpisatisya": "відписатися", "pyshit": "пишіть", "pishit": "пишіть", "dzvonit": "дзвоніть",
    "dzvonyt": "дзвоніть", "prypynit": "припиніть", "vydalit": "видаліть", "meni": "мені",
    "mene": "мене", "ce": "це", "tse": "це", "tsey": "цеи", "cey": "цеи", "hto": "хто",
    "vzhe": "вже", "tut": "тут", "nemaye": "немає", "pomylylys": "помилились", "bud": "будь",
    "laska": "ласка", "dyakuyu": "дякую", "nomer": "номер", "nadsylayte": "надсилаите",
    "povidomlennya": "повідомлення", "rozsylku": "розсилку", "dosyt": "досить", "godi": "годі",
    "turbuyte": "турбуите", "uje": "уже", "menia": "меня", "sms": "смс", "pisat": "писать",
    "zvonit": "звонить", "prisylat": "присылать", "stop": "стоп", "zhivet": "живет",
    "rabotaet": "работает", "slat": "слать", "poluchat": "получать", "smenil": "сменил",
    "vladelets": "владелец", "umer": "умер", "oshiblis": "ошиблись", "oshibsya": "ошибся",
    "est": "есть", "ludei": "людеи",
}  # fmt: skip


def to_cyrillic(folded: str) -> str:
    """The text in Cyrillic letters, or "" where it is no Russian or Ukrainian in Latin ones.

    >>> to_cyrillic("ne pishite mne bolshe")
    'не пишите мне больше'
    """
    words = folded.split()
    if _SIGNS.isdisjoint(words):
        return ""
    signs = sum(map(_SIGNS.__contains__, words))
    strong = sum(map(_STRONG.__contains__, words))
    if not (strong and 2 * signs >= len(words)) and not (
        signs >= 3 and 3 * signs >= 2 * len(words)
    ):
        return ""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    return _WHOLE_WORDS.get(word) or _SOUNDS.sub(lambda match: _CYRILLIC[match.group()], word)
