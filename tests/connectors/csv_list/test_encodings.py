"""The encoding of short lists, told by the text that it gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from list_corpus import CASES, short_list

from connectors.csv_list.encodings import detect_encoding

SIZES = (1, 2, 3, 5, 10, 20, 50)


@pytest.mark.parametrize(("language", "code"), CASES)
def test_short_lists_are_read_right_and_doubt_is_told(language: str, code: str) -> None:
    """Of 28 lists in each encoding at most one is read wrongly, and none without a word."""
    wrong = []
    for rows in SIZES:
        for seed in range(2):
            for plain_header in (False, True):
                text = short_list(language, rows, seed, plain_header)
                if text.isascii():
                    continue
                content = text.encode(code)
                guess = detect_encoding(content)
                if content.decode(guess.encoding, "replace") != text:
                    assert not guess.sure, (guess, text)
                    wrong.append((guess, rows))
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("João;Conceição;+351\nLuís;Simões", "cp1252"),
        ("Nicolò;Società Città;x", "cp1252"),
        ("Åsa;Söderström;Malmö", "cp1252"),
        ("Željko;Šimić;Đakovo", "cp1250"),
        ("Ľubomír;Hudák;Žilina", "cp1250"),
        ("Олексій;Шевченко;Київ", "cp1251"),
        ("王伟;北京\n李娜;上海", "gb18030"),
        ("陳怡君;臺北\n林志明;高雄", "big5"),
        ("Jānis;Bērziņš;Rīga", "cp1257"),
        ("MÜLLER;KÖLN", "cp1252"),
        ("JIŘÍ;DVOŘÁK", "cp1250"),
        ("ИВАНОВ;МОСКВА", "cp1251"),
        ("Name;Phone\nMüller;1\n", "cp1252"),
        ("Name;Phone\nDvořák;1\n", "cp1250"),
        ("a;b\nCafé – Bar;1\n", "cp1252"),
    ],
)
def test_other_languages_and_single_names(text: str, code: str) -> None:
    content = text.encode(code)
    assert content.decode(detect_encoding(content).encoding) == text


@given(st.text(min_size=1))
def test_utf_8_is_never_taken_for_anything_else(text: str) -> None:
    content = text.replace("\x00", "").replace("\ufeff", "").encode("utf-8", "ignore")
    assert detect_encoding(content) == ("utf-8", True)


def test_a_stray_byte_does_not_make_utf_8_another_encoding() -> None:
    content = "Müller;Köln\nDvořák;Plzeň\n".encode() * 10 + b"caf\xe9\n"
    assert detect_encoding(content).encoding == "utf-8"


def test_a_sample_may_end_within_a_character() -> None:
    content = "Müller;Köln;ö".encode()[:-1]
    assert detect_encoding(content, whole=False).encoding == "utf-8"
    assert detect_encoding("Weiß;1".encode("cp1252")).encoding == "cp1252"


@given(st.binary(max_size=300))
def test_any_bytes_have_an_encoding_that_can_read_them(content: bytes) -> None:
    content = content.strip(b"\xef\xbb\xbf\xff\xfe\x00")
    content.decode(detect_encoding(content).encoding, "surrogateescape")
