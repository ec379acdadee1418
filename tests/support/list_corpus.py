"""Short lists of made-up people in eleven languages, in the encodings that their offices use."""

from __future__ import annotations

import random
from typing import NamedTuple


class Language(NamedTuple):
    encodings: tuple[str, ...]
    header: str
    given: str
    family: str
    towns: str


LANGUAGES = {
    "Czech": Language(
        ("cp1250", "iso8859-2"), "Jméno;Příjmení;Telefon;Město",
        "Jiří Tomáš Lukáš Ondřej Zdeněk Jan Petr Jana Božena Kateřina Lucie Věra Šárka Eliška",
        "Novák Dvořák Černý Procházka Kučera Veselý Horák Němec Růžička Šťastná Křížová Žáková"
        " Říha Pokorný Ďurková Sedláček",
        "Praha Brno Plzeň Liberec Olomouc Ústí Hradec Zlín Jihlava Kroměříž",
    ),
    "Polish": Language(
        ("cp1250", "iso8859-2"), "Imię;Nazwisko;Numer telefonu;Miejscowość",
        "Łukasz Paweł Michał Małgorzata Agnieszka Bożena Grażyna Zdzisław Anna Piotr Róża Jan",
        "Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski"
        " Kozłowski Jabłoński Król Wróbel Pawłowski Świątek Żak Gołębiowska Sęk",
        "Warszawa Kraków Łódź Wrocław Poznań Gdańsk Białystok Częstochowa Toruń Rzeszów",
    ),
    "Hungarian": Language(
        ("cp1250", "iso8859-2"), "Vezetéknév;Keresztnév;Telefonszám;Város",
        "László István József János Zoltán Sándor Ferenc Gábor Attila Péter Mária Erzsébet"
        " Ágnes Éva Györgyi Jenő",
        "Nagy Kovács Tóth Szabó Horváth Varga Kiss Molnár Németh Farkas Balogh Papp Lakatos"
        " Takács Juhász Mészáros Szűcs Erdős Fűzesi Győri",
        "Budapest Debrecen Szeged Miskolc Pécs Győr Nyíregyháza Kecskemét Székesfehérvár Érd",
    ),
    "German": Language(
        ("cp1252", "latin-1", "mac-roman"), "Name;Straße;Telefon;Ort",
        "Jürgen Günther Jörg Björn Käthe Hans Peter Ursula Sören Bärbel Thomas Anja Heidi",
        "Müller Schäfer Köhler Krüger Weiß Groß Böhm Schröder Jäger Möller Voß Günther Schmidt"
        " Meyer Fischer Lange Hübner",
        "München Köln Düsseldorf Nürnberg Gießen Lübeck Würzburg Berlin Hamburg Osnabrück",
    ),
    "French": Language(
        ("cp1252", "latin-1", "mac-roman"), "Prénom;Nom;Téléphone;Ville",
        "François Hélène André Jérôme Gaëlle Noël Benoît Chloé Zoé Marie Jean Agnès René Anaïs",
        "Lefèvre Béranger Lemaître Gérard Hébert Rémy Chrétien Dupont Durand Moreau Prévost"
        " Bonnefoy Garçon Forêt Beauchêne",
        "Besançon Orléans Nîmes Sète Béziers Angoulême Lyon Paris Évreux Châlons",
    ),
    "Spanish": Language(
        ("cp1252", "latin-1"), "Nombre;Apellidos;Teléfono;Población",
        "José María Jesús Ángel Íñigo Sofía Lucía Andrés Inés Begoña Raúl Joaquín Ana Luis",
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Núñez Muñoz"
        " Ibáñez Peña Ortega Castro Güell",
        "Málaga Córdoba Cádiz León Ávila Logroño Madrid Sevilla Jaén Almería",
    ),
    "Turkish": Language(
        ("cp1254", "iso8859-9"), "Adı;Soyadı;Telefon;Şehir",
        "Ayşe Mehmet Gülşen Çağlar İbrahim Oğuz Şükrü Ahmet Fatma Emine Işıl Özlem Tuğba Ümit",
        "Yılmaz Kaya Demir Şahin Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç"
        " Aslan Çetin Koç Güneş Şimşek",
        "İstanbul Ankara İzmir Diyarbakır Eskişehir Muğla Balıkesir Çanakkale Niğde Ağrı",
    ),
    "Russian": Language(
        ("cp1251", "koi8-r", "cp866"), "Имя;Фамилия;Телефон;Город",
        "Александр Сергей Дмитрий Андрей Иван Ольга Елена Наталья Татьяна Мария Юрий Пётр",
        "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новикова Фёдорова"
        " Морозов Волкова Щербаков Жукова",
        "Москва Казань Самара Омск Уфа Пермь Воронеж Тверь Рязань Челябинск",
    ),
    "Greek": Language(
        ("cp1253", "iso8859-7"), "Όνομα;Επώνυμο;Τηλέφωνο;Πόλη",
        "Γιώργος Γιάννης Κώστας Δημήτρης Νίκος Μαρία Ελένη Κατερίνα Βασιλική Σοφία Ευγενία",
        "Παπαδόπουλος Νικολαΐδης Οικονόμου Γεωργίου Καραγιάννης Βλάχος Αγγελόπουλος Μακρής"
        " Δημητρίου Κωνσταντίνου Χατζής",
        "Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Λάρισα Βόλος Ιωάννινα Καβάλα Ρόδος Χανιά",
    ),
    "Korean": Language(
        ("cp949", "euc-kr"), "이름;성;전화번호;도시",
        "민준 서연 지훈 수빈 예준 하은 도윤 지우 현우 유진 성민 영희 철수 은지",
        "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권",
        "서울 부산 인천 대구 대전 광주 수원 울산 창원 성남",
    ),
    "Japanese": Language(
        ("cp932", "euc-jp"), "名;姓;電話番号;市",
        "太郎 花子 健太 美咲 翔太 陽子 大輔 さくら 直樹 裕子 拓也 ひろみ 恵 剛",
        "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 松本",
        "東京 大阪 横浜 名古屋 札幌 福岡 京都 神戸 仙台 広島",
    ),
}  # fmt: skip

CASES = [(name, code) for name, language in LANGUAGES.items() for code in language.encodings]


def short_list(language: str, rows: int, seed: int, plain_header: bool = False) -> str:
    """A list with `;` and so many rows; with `plain_header`, of column names in ASCII."""
    chosen = LANGUAGES[language]
    dice = random.Random(f"{language} {rows} {seed}")
    lines = ["Name;Surname;Phone;City" if plain_header else chosen.header]
    for _ in range(rows):
        phone = f"+{dice.randrange(30, 99)} {dice.randrange(100, 999)} 555 {dice.randrange(100):02}"
        lines.append(
            ";".join(
                (dice.choice(chosen.given.split()), dice.choice(chosen.family.split()), phone,
                 dice.choice(chosen.towns.split()))
            )
        )  # fmt: skip
    return "\r\n".join(lines) + "\r\n"
