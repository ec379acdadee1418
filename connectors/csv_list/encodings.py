"""Detect the encoding of a list that does not state it.

UTF-8 and byte order marks are unmistakable. Among the older encodings, nearly every byte sequence
is valid in several, so each is judged by the text that it gives: a list of people holds names,
towns and column names, so its letters should belong to one language, be in places where that
language has them, and not be symbols. General detectors need more text than a short list has: they
took Czech and German lists for Korean.

Source for the letters of a language: the exemplar characters of Unicode CLDR (https://cldr.unicode.org).
"""

from __future__ import annotations

import re
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import NamedTuple

_ENOUGH = 32 * 1024  # bytes of lines with something beyond ASCII that are looked at
_MOST_WORDS = 1500
_CLEAR = 2.5  # how much better than the next reading one must be to be sure
_POOR = -8.0  # a mark: worse on average than this is no text that we know


class Guess(NamedTuple):
    """`sure`: whether nothing else would read nearly as well."""

    encoding: str
    sure: bool = True


@dataclass(frozen=True)
class _Language:
    """`common` and `rare`: its letters beyond ASCII, in small letters. `whole`: words have no
    others. `pairs`: what two such letters side by side cost. `weight`: how often it is met."""

    common: str
    rare: str = ""
    whole: bool = False
    pairs: float = -3.0
    weight: float = 0.0


_LANGUAGES = {
    "cs": _Language("áíéěýřčžš", "ůúťďňóľĺŕôä", pairs=-0.5, weight=-0.3),
    "pl": _Language("łóąęśżń", "ćź", pairs=-0.5, weight=-0.3),
    "hu": _Language("áéóöőíü", "úű", pairs=-1.5, weight=-0.3),
    "ro": _Language("ăâîșțşţ", "", weight=-1),
    "hr": _Language("šćčž", "đ", weight=-1),
    "de": _Language("üöäß", "é"),
    "fr": _Language("éèçê", "àëïîôûâùœÿñ", weight=-0.2),
    "es": _Language("áéíóúñ", "üçºª", weight=-0.2),
    "pt": _Language("ãçáéíó", "âêôúõàü", pairs=-1, weight=-0.5),
    "it": _Language("àèìòù", "é", weight=-1),
    "nordic": _Language("åäöøæ", "éü", weight=-0.5),
    "is": _Language("íóáðþéöú", "ýæ", pairs=-1.5, weight=-3),
    "nl": _Language("ëéï", "öüèó", weight=-1),
    "west": _Language("", "áàâäãåæçéèêëíìîïñóòôöõøœúùûüÿß", weight=-1),
    "centre": _Language("", "áâăäąćčçďđéęěëíîłľĺńňóôöőřŕśšşťţúůüűýźžżß", pairs=-1, weight=-1.5),
    "tr": _Language("ıİşğüçö", "âî", pairs=-0.5, weight=-0.3),
    "baltic": _Language("āēīšžčėųūąę", "ģķļņįõäöü", pairs=-1, weight=-1),
    "ru": _Language("оеаинтрсвл", "кмдпуыяьзбгчйхжшюцщэфъё", whole=True),
    "uk": _Language("оаинвіркелтс", "дмупяйзьбгчхцюжїщєшфґ", whole=True, weight=-0.5),
    "el": _Language("αοιετσνρπκςλμ", "άέίήόύώηυγδωχθφβξζψϊϋΐΰ", whole=True),
    "he": _Language("ילהורבמנאש", "תדחקעסגפצטזכםןףץך", whole=True, weight=-0.5),
    "ar": _Language("المينرعدب", "سحفكتقوهجخشصضطظغذزثءآأؤإئىةپچژگ", whole=True, weight=-0.5),
}

_WEST = ("de", "fr", "es", "pt", "it", "nordic", "nl", "is", "west")
_CENTRE = ("cs", "pl", "hu", "ro", "hr", "de", "centre")
# encoding -> languages that are written in it, and how much less often it is met than the first.
_ONE_BYTE: dict[str, tuple[tuple[str, ...], float]] = {
    "cp1252": (_WEST, 0),
    "cp1250": (_CENTRE, -0.2),
    "iso8859-2": (_CENTRE, -0.8),
    "cp1254": (("tr",), -0.3),
    "cp1257": (("baltic",), -0.5),
    "cp1251": (("ru", "uk"), 0),
    "koi8-r": (("ru",), -1.5),
    "cp866": (("ru",), -2),
    "cp1253": (("el",), 0),
    "iso8859-7": (("el",), -0.3),
    "cp1255": (("he",), 0),
    "cp1256": (("ar",), 0),
    "mac-roman": (_WEST, -2.5),
    "cp850": (_WEST, -3.5),
    "cp852": (_CENTRE, -3.5),
}
_TWO_BYTES = ("cp949", "cp932", "euc-jp", "gb18030", "big5")

# Syllables and characters of names, towns and column names.
_HANGUL = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진나지엄채원천방공현함변"
    "염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예봉사부가복태목형준훈수빈영희철미경동재"
    "상승호혜숙순자화번름락처일자시군읍면리울산대구광인세종포창아름솔별혁건규식덕범균환욱열섭숙람린"
    "회사소이메"
)
_KANJI = frozenset(
    "佐藤鈴木高橋田中伊渡辺山本村小林加吉々松井斎清水崎森池橋阿部石川前藤岡後谷近坂遠青福西太三島上原野"
    "竹金和藤内丸増大塚平今河武新宮杉菅千葉久保岩桜酒工横古市谷早熊東京大阪名屋札幌神戸仙台広沢浜縄"
    "電話番号氏姓住所会社県区町郎子一二健翔陽介輔美咲奈結愛由裕拓也恵剛直樹真優香花春夏秋冬織紀和洋"
)
_HANZI = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任"
    "姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵伟芳娜敏静丽强磊军洋"
    "勇艳杰娟涛明超秀霞平刚桂英华建国文玉红北京上海广州深圳姓名电话手机号码城市公司地址張劉陳楊黃趙吳孫馬鄭謝許"
    "電話號碼臺灣"
)
# What columns and countries are called; each is worth a few letters.
_WORDS = frozenset(
    "příjmení jméno město země společnost ulice česko číslo imię miejscowość név vezetéknév város"
    " ország telefonszám cégnév straße größe österreich münchen köln prénom société téléphone"
    " numéro pays teléfono móvil población país españa dirección compañía endereço telemóvel città"
    " società soyadı adı şehir ülke türkiye телефон имя фамилия город страна компания россия"
    " украина місто країна прізвище όνομα επώνυμο τηλέφωνο πόλη χώρα ελλάδα 전화번호 이름 성명 성"
    " 도시 회사 주소 휴대폰 電話番号 電話 氏名 名前 姓 名 市 会社 住所 携帯 日本 姓名 电话 手机"
    " 城市 公司 地址 中国 schweiz zürich włochy słowacja magyarország france côte méxico perú"
    " brasil são telefón priezvisko obec prezime adresă oraș țară".split()
)

_TONED = re.compile("[άέήίόύώΐΰ]")
_WORD = re.compile(r"[^\s;,\t|\"<>()\[\]{}/\\@:=+*#&0-9.!?_-]+")


def detect_encoding(sample: bytes, whole: bool = True) -> Guess:
    """The encoding of a list by its first bytes, as a name that Python knows. `whole`: there are no
    more; else the last character may be cut.

    A byte order mark is no part of it: it stays in the text as the first character, so that it is
    written back.
    """
    if sample.startswith(b"\xef\xbb\xbf"):
        return Guess("utf-8")
    # The mark of UTF-32 begins with that of UTF-16 (the Unicode Standard, section 23.8).
    for mark, wide in ((b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be")):
        if sample.startswith(mark) and _decoded(sample, wide, whole) is not None:
            return Guess(wide)
    if sample.startswith(b"\xff\xfe"):
        return Guess("utf-16-le")
    if sample.startswith(b"\xfe\xff"):
        return Guess("utf-16-be")
    if (unmarked := _utf16(sample, whole)) is not None:
        return Guess(unmarked)
    if _is_utf8(sample, whole):
        return Guess("utf-8")
    return _of_text(sample, whole)


def _utf16(sample: bytes, whole: bool) -> str | None:
    """UTF-16 without a mark: digits, separators and line ends have NUL as every second byte."""
    pairs = len(sample) // 2
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    for name, here, other in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        likely = pairs and here >= pairs * 0.15 and other <= here * 0.05
        if likely and _decoded(sample, name, whole) is not None:
            return name
    return None


def _is_utf8(sample: bytes, whole: bool) -> bool:
    """Whether it is UTF-8, except for a few stray bytes."""
    if _decoded(sample, "utf-8", whole) is not None:
        return True
    text = sample.decode("utf-8", "surrogateescape")
    strays = sum("\udc80" <= mark <= "\udcff" for mark in text)
    return sum(mark > "\x7f" for mark in text) - strays >= 20 * strays


def _of_text(sample: bytes, whole: bool) -> Guess:
    part = _telling(sample)
    readings: dict[frozenset[str], tuple[float, str]] = {}
    for encoding in (*_ONE_BYTE, *_TWO_BYTES):
        text = _decoded(part, encoding)
        if text is None:
            continue
        words = frozenset(_words(text))
        score = _score(encoding, words)
        if words not in readings or readings[words][0] < score:
            readings[words] = (score, encoding)
    ranked = sorted(readings.items(), key=lambda entry: entry[1][0], reverse=True)
    if not ranked:
        return Guess("latin-1", False)  # every byte is something in it, and stays what it was
    words, (best, encoding) = ranked[0]
    marks = sum(mark > "\x7f" for word in words for mark in word)
    clear = len(ranked) == 1 or best - ranked[1][1][0] >= _CLEAR
    sure = clear and best >= _POOR * max(1, marks)
    if _decoded(sample, encoding, whole) is None:
        return Guess("latin-1", False)
    return Guess(encoding, sure)


def _telling(sample: bytes) -> bytes:
    """The lines that hold something beyond ASCII; a last one that may be cut is left out."""
    lines = re.split(rb"[\r\n]+", sample)
    if len(lines) > 1 and len(sample) >= _ENOUGH:
        del lines[-1]
    telling_lines: list[bytes] = []
    length = 0
    for line in lines:
        if not line.isascii():
            telling_lines.append(line)
            length += len(line)
            if length > _ENOUGH:
                break
    return b"\n".join(telling_lines)


def _decoded(part: bytes, encoding: str, whole: bool = True) -> str | None:
    try:
        return getincrementaldecoder(encoding)().decode(part, whole)
    except UnicodeDecodeError:
        return None


def _words(text: str) -> Iterator[str]:
    words = (word for word in _WORD.findall(text) if not word.isascii())
    return islice(words, _MOST_WORDS)


def _score(encoding: str, words: frozenset[str]) -> float:
    known = sum(5.0 for word in words if word.casefold() in _WORDS)
    if encoding in _TWO_BYTES:
        return known + sum(_of_ideographs(word, encoding) for word in words)
    languages, weight = _ONE_BYTE[encoding]
    return known + weight + max(_of_letters(words, name) for name in languages)


def _of_letters(words: Iterable[str], name: str) -> float:
    language = _LANGUAGES[name]
    costs = _costs(name)
    total = language.weight
    for word in words:
        before = ""
        for mark in word:
            if mark > "\x7f":
                total += costs.get(mark) or costs.get(mark.lower()) or _cost_of_other(mark)
                if before > "\x7f":
                    total += 0 if language.whole else language.pairs
                elif before.isalpha() and language.whole:
                    total -= 6
                if mark.isupper():
                    total -= 5 if before.islower() else 0.5
                elif not before and mark.islower():
                    total -= 1  # names begin with a capital
            elif language.whole and before > "\x7f" and mark.isalpha():
                total -= 6
            elif mark.isupper() and before > "\x7f" and before.islower():
                total -= 3
            before = mark
        if len(word) == 1:
            total -= 3
        elif name == "el" and word.islower() and not _TONED.search(word):
            total -= 4  # a Greek word in small letters has its accent
    return total


@cache
def _costs(name: str) -> dict[str, float]:
    language = _LANGUAGES[name]
    # Where words have no other letters there are more of them to tell apart.
    common, rare = (-2.6, -3.6) if language.whole else (-1.5, -3.2)
    return {**dict.fromkeys(language.rare, rare), **dict.fromkeys(language.common, common)}


def _cost_of_other(mark: str) -> float:
    if mark in "–—’‘“”„«»°€·…№":
        return -5
    if mark == "\u00a0":
        return -4
    return {"L": -8.0, "C": -14.0}.get(unicodedata.category(mark)[0], -9.0)


def _of_ideographs(word: str, encoding: str) -> float:
    total = 0.0
    before = ""
    for mark in word:
        if mark > "\x7f":
            total += _cost_of_ideograph(mark, encoding)
            if before and before < "\x80" and before.isalpha():
                total -= 5
        elif before > "\x7f" and mark.isalpha():
            total -= 5
        before = mark
    return total


def _cost_of_ideograph(mark: str, encoding: str) -> float:
    point = ord(mark)
    if encoding == "cp949":
        if mark in _HANGUL:
            return -4.5
        if 0xAC00 <= point <= 0xD7A3:
            return -7.5 if _fits(mark, "euc-kr") else -16
        return -12
    if encoding in ("cp932", "euc-jp"):
        if 0x3041 <= point <= 0x30FE:
            return -4.5
        if 0xFF61 <= point <= 0xFF9F:
            return -7
        return -5 if mark in _KANJI else -7.5 if _is_first_level(mark) else -12
    if mark in _HANZI:
        return -5
    if not 0x4E00 <= point <= 0x9FFF:
        return -12
    return -7.8 if _fits(mark, "gb2312" if encoding == "gb18030" else "big5") else -13


@cache
def _fits(mark: str, encoding: str) -> bool:
    try:
        mark.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _is_first_level(mark: str) -> bool:
    """Of the 2,965 kanji in use (JIS X 0208, rows 16 to 47)."""
    try:
        return mark.encode("euc-jp")[0] < 0xD0
    except UnicodeEncodeError:
        return False


def known_encoding(name: str) -> str | None:
    """Return Python's name for an encoding that somebody names; None if there is none."""
    try:
        "".encode(name)
        return b"".decode(name) or name
    except (LookupError, UnicodeError, ValueError, TypeError):
        return None
