"""Polish."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_DO = (
    r"(?:dzwon|dzwoncie|dzwonic|dzwonienia|wydzwaniac|wydzwaniaj\w*|pisz|piszcie|pisac|pisania|"
    r"napisz|wysylac|wysylaj|wysylajcie|wysylania|przysylac|przysylaj|przysylajcie|przysylania|"
    r"przesylac|przesylaj\w*|kontaktowac|kontaktuj|kontaktujcie|kontaktu|kontaktow|nekac|nekaj|"
    r"nekajcie|nekania|niepokoic|niepokojcie|niepokojenia|przeszkadzac|przeszkadzaj\w*|meczyc|"
    r"meczcie|zawracac|zawracaj\w*|spamowac|spamuj\w*|telefonowac|telefonuj\w*|nagabywac|"
    r"nagabuj\w*|odzywac|odzywaj\w*|zaczepiac|esemesowac|smsowac|dzwonili|pisali|wysylali)"
)
_THINGS = (
    r"(?:wiadomos\w*|sms\w*|esemes\w*|telefon\w*|polacze\w*|mail\w*|mejl\w*|reklam\w*|spam\w*|"
    r"ofert\w*|powiadom\w*|promocj\w*|informacj\w*|kontakt\w*|newsletter\w*|marketing\w*)"
)
_MY = (
    r"(?:moj(?:ego)? (?:numer\w*|telefon\w*|kontakt\w*)|moje (?:dane|nazwisko)|moich danych|"
    r"ten numer|tego numeru|numer|numeru)"
)

LANGUAGE = Language(
    code="pl",
    exact_opt_out="""
        stop sms|koniec|wypisz|wypisz mnie|wypisac|wypisuje sie|rezygnuje|rezygnacja|anuluj
        anulowac|usun|usun mnie|usuncie|usuncie mnie|usunac|prosze usunac|nie pisz|nie piszcie
        dosc|wystarczy|przestan|przestancie|przestac|zakoncz|zakonczyc|nie dzwonic|nie dzwon
        nie dzwoncie|skonczcie|skoncz|prosze przestac|nie wysylac|nie pisac|nie kontaktowac
        nie przeszkadzac
        wypiszcie mnie|prosze mnie wypisac|odwoluje zgode|wycofuje zgode|cofam zgode
        nie zycze sobie|odczepcie sie|odczep sie|wypisz sie|dajcie spokoj|daj spokoj|sprzeciw
        zablokuj|wycofanie zgody|zrezygnuj|zatrzymaj|juz dosc
    """,
    politeness=(
        "do widzenia|żegnam|prosze|dziekuje|dzieki|dzien dobry|dobry wieczor|witam|ok|tak|natychmiast|teraz|juz|"
        "przepraszam|pozdrawiam|czesc|hej|szanowni panstwo|panie|pani|od razu|bardzo"
    ),
    declines=r"""
        nie|nie dziękuję|dziękuję nie|nie dzięki|nie trzeba|nie potrzebuję|niepotrzebne
        (?:(?:ja|my) )?nie (?:jestem|jesteśmy|byłem|byłam) (?:tym |już |w ogóle )?(?:zainteresowan[aiy]|zainteresowani)(?: tym| ofertą)?|(?:to )?(?:mnie |nas )?(?:to )?nie interesuje(?: mnie| nas)?(?: to)?
        brak zainteresowania|zero zainteresowania|nie mam zainteresowania
        nigdy więcej|już nigdy|nigdy już
        (?:ja )?(?:nigdy )?(?:się )?nie (?:się )?(?:zapisywał(?:em|am)|rejestrował(?:em|am)|zapisał(?:em|am)|subskrybował(?:em|am))(?: się)?(?: na to| do tego)?
        (?:nigdy )?nie (?:wyrażał(?:em|am)|wyrażam|wyrazil(?:em|am)|wyraził(?:em|am)|dawał(?:em|am)|dał(?:em|am)) (?:na to )?zgody(?: na to)?|nie zgadzam się(?: na to)?|brak zgody
        (?:proszę )?nie (?:dzwoń|dzwońcie|pisz|piszcie)(?: (?:proszę|teraz|oddzwonię|(?:ja |sam |sama )*(?:zadzwonię|napiszę|odezwę się)))*
        nie (?:dzwonić|kontaktować|pisać|wysyłać|niepokoić|nachodzić)(?: się)?(?: więcej| do mnie)*|nie kontaktować się(?: ze mną)?
        (?:jesteście|ale jesteście) (?:upierdliwi|męczący|natrętni|nachalni)|mam (?:tego |was )?dość|dajcie spokój
        (?:zaraz |ja )?(?:blokuję|zablokuję)(?: was| cię| państwa| ten numer| numer)?|zablokowan[yeai]
        (?:zostali|zostaliście|zostałeś|zostałaś) (?:zgłoszeni|zgłoszony|zgłoszona)|(?:ten |wasz |twój |państwa )?numer (?:został |jest |już )?zgłoszony|zgłosił(?:em|am) (?:was|cię|państwa|ten numer|numer)
        zostaw(?:cie)? (?:mnie|nas)(?: już)?|(?:to )?(?:jest )?(?:jakieś |zwykłe |czyste )?(?:oszustwo|naciąganie|wyłudzenie)|(?:jesteście |jestescie )?(?:oszuści|oszustami|oszust|złodzieje|złodziejami|naciągacze|naciągaczami)
        (?:ciągle|stale|cały czas|codziennie|non stop|bez przerwy|w kółko)(?: (?:do|mnie|nas|mi|tu))* (?:dzwonicie|piszecie|wydzwaniacie|dzwonisz|piszesz|wysyłacie|nękacie)(?: (?:do|mnie|nas|mi))*|(?:dzwonicie|piszecie|wydzwaniacie|wysyłacie)(?: (?:do|mnie|nas|mi))* (?:ciągle|stale|cały czas|codziennie|non stop|bez przerwy|w kółko|za często)|ile można (?:dzwonić|pisać|wydzwaniać)
        (?:dzwonię|zadzwonię|idę|zgłoszę to|zgłaszam to|zgłaszam sprawę) (?:na|do) policj(?:ę|i)
        (?:ja |my )?nie (?:potrzebuję|potrzebujemy)(?: (?:tego|niczego|nic|waszych \w+|takich \w+))?|nie (?:jest|są) (?:mi|nam) (?:to |one )?potrzebn[eay]|nie jestem zainteresowan[aiy]
    """,
    exact_opt_in="wznow|zapisz",
    call_words="dzwon|zadzwon|telefon|wydzwani",
    opt_in=(
        r"(?:zapiszcie|zapisz|dopiszcie) mnie (?:ponownie|z powrotem|znowu)",
        r"chce (?:znowu|ponownie) (?:dostawac|otrzymywac)(?: \w+){0,2}",
    ),
    weak_wrong_number=(
        r"jestem (?:jego|jej) (?:żoną|mężem|bratem|siostrą|synem|córką|matką|mamą|ojcem|partnerką|partnerem)",
        r"(?:zmarl\w*|nie zyje|umarl\w*|odeszl\w* na zawsze|swietej pamieci|zgina\w*)",
        r"(?:to|tu) (?:jest )?(?:numer )?(?:firma|firmowy|firmy|sklep|biuro|sluzbowy|stacjonarny|hotel|szkola|restauracja|przychodnia|urzad)(?: \w+)?",
        r"(?:kto (?:to|pisze|mowi|tam)|z kim (?:pisze|rozmawiam)|kim (?:jestes|pan jest|pani jest))(?: jest)?$",
        r"now\w+ wlasciciel\w*",
    ),
    opt_out=(
        r"(?:zostać|być) (?:usunięt|wykreślon|wypisan|skreślon)\w+ z (?:\w+ )?(?:list|baz)\w+",
        r"nie kontaktu\w+ się (?:więcej |już )?ze mną",
        r"zgoda (?:jest |zostala )?(?:cofnieta|wycofana|odwolana)|brak (?:mojej )?zgody(?: na (?:kontakt|sms\w*|marketing|wiadomosci))?$",
        r"(?:usun|wykresl|skresl|wyrzuc|wypisz|skasuj)\w* (?:mnie|moj numer) (?:z|ze) (?:\w+ )?(?:list\w|baz\w|systemu|rejestru)",
        r"(?:zapomnij|zgub|skasuj|usun|wykasuj)\w* moj numer",
        r"(?:wolalbym|wolalabym|wole) nie (?:dostawac|otrzymywac|byc)(?: \w+){0,3}|(?:zadam|"
        r"domagam sie|wnosze o|prosze o) (?:natychmiastowego )?(?:usuniecia|wykreslenia|"
        r"zaprzestania|usuniecie)(?: \w+){0,3}",
        rf"(?:przesta\w+|skoncz\w*|zaprzesta\w*|koniec|dosc|zakoncz\w*|przerwij\w*) (?:prosze |"
        rf"juz |natychmiast |wreszcie |do mnie |mi |mnie |z |ze |tych |tego |te |tym |tymi |"
        rf"waszych |do |sie )*(?:{_DO}|{_THINGS}|pisaniem|dzwonieniem|wysylaniem)(?: \w+)?",
        rf"(?:nie|nigdy) (?:prosze |do mnie |mi |mnie |juz |wiecej |chce zebyscie |chce aby |"
        rf"chce zeby |chce |zyczymy sobie |zycze sobie |zyczę sobie |pozwalam |wolno |"
        rf"zgadzam sie na |zgadzam sie |zgadzam sie zeby |masz |macie |mozna |nalezy |nigdy |"
        rf"sie |ze |zebys |zebyscie |panstwo |na ten numer |pod ten numer )*(?:{_DO}|"
        rf"{_THINGS})(?: (?:do mnie|mi|mnie|juz|sie|ze mna|na ten numer|pod ten numer|"
        rf"prosze))*? ?(?:wiecej|juz|nigdy|nigdy wiecej|ponownie|do mnie|mnie|na ten numer|"
        rf"pod ten numer|tych|tego|zadnych|mi)(?: \w+)?",
        rf"(?:nic|niczego|zadnych \w+|zadnej \w+) (?:mi |mnie |do mnie |juz |wiecej |"
        rf"prosze )*nie {_DO}|nie {_DO} (?:mi |do mnie |mnie )?(?:nic|niczego|wiecej|"
        rf"juz)(?: \w+)?",
        rf"nigdy (?:wiecej |juz )*(?:do mnie |mi |mnie |sie )*nie {_DO}",
        rf"prosze (?:juz |wiecej |do mnie |mi |mnie |o |sie |ze mna |bardzo |panstwa )*(?:nie|"
        rf"przestac|zaprzestac|zaprzestanie|skonczyc|o nie)(?: (?:juz|wiecej|do mnie|mi|mnie|"
        rf"sie|ze mna))* (?:{_DO}|{_THINGS}|wysylania|kontaktu|dzwonienia)",
        rf"(?:nie chce|nie zycze sobie|nie zyczymy sobie|nie chcemy|nie potrzebuje|"
        rf"nie wyrazam zgody|nie wyrazam|nie wyrazalam|nie wyrazalem|nie wyrazamy|"
        rf"nie zgadzam sie|nigdy nie prosilem o|nie prosilem o|nie prosilam o|nie zamawialem|"
        rf"nie mam ochoty|nie wyrazilem|nie wyrazilam)(?: (?:juz|wiecej|na|dostawac|otrzymywac|"
        rf"takich|tych|zadnych|od was|od panstwa|waszych|byc|aby|zeby|zebyscie|do mnie|mi|mnie|"
        rf"miec|zgody|zgody na|odbierac|dalszych|dalszego|panstwa|sie|zadnego|kolejnych|"
        rf"wiecej zadnych)){{0,6}} (?:{_THINGS}|{_DO}|niepokojon\w|nekan\w|zgody|"
        rf"przetwarzan\w+|otrzymywania|kontaktowan\w*|informowan\w|od was)",
        r"(?:nie chce|nie zycze sobie) (?:juz |wiecej )*(?:dostawac|otrzymywac|"
        r"tego dostawac)(?: \w+){0,3}|nie wyrazam (?:na to |"
        r"juz )?zgody(?: na)?(?: \w+){0,2}",
        rf"(?:zadnych|bez|koniec|dosc|precz z|stop) (?:wiecej |tych |juz |tego |waszych |"
        rf"z )*{_THINGS}(?: wiecej)?",
        rf"(?:usun\w*|skasuj\w*|wykresl\w*|wykasuj\w*|zapomnij\w*|zgub\w*|zablokuj\w*|"
        rf"usuniecie|wymaz\w*|skasowac|wykreslenie|wykasowac) (?:prosze |natychmiast |z bazy |"
        rf"z waszej bazy |o )*{_MY}(?! (?:zamowienia|konta|faktury))",
        r"prosze o (?:wykreslenie|usuniecie|wypisanie)(?: \w+){0,3}|(?:usun|usuncie|usunac|"
        r"usuniecie|wypisz|wypiszcie|wypisac|wykresl|wykreslcie|wykreslic|skasuj|skreslcie|"
        r"skresl|wypisanie|wyrzuccie|wyrejestruj\w*|wyrejestrowac) (?:prosze )?(?:mnie|"
        r"nas)(?: \w+){0,4}|(?:mnie|nas) (?:prosze )?(?:usun\w*|wypis\w*|wykresl\w*|skasow\w*|"
        r"wyrejestr\w*|skresl\w*)|(?:wypisuje|wypisujemy|wypisalem|chce sie wypisac|"
        r"wypisac sie|chce zrezygnowac|rezygnuje z)(?: \w+){0,3}",
        r"(?:z|ze) (?:waszej |swojej |tej |panstwa |listy |bazy |"
        r"subskrypcji )+(?:prosze )?(?:mnie )?(?:usun\w*|wypis\w*|wykresl\w*)",
        r"(?:wycofuje|cofam|odwoluje|wycofanie|odwolanie|wycofalem|"
        r"wycofalam) (?:\w+ )?(?:zgod\w+)(?: \w+){0,3}|(?:wnosze|zglaszam|skladam) sprzeciw|"
        r"sprzeciwiam sie",
        r"(?:dajcie|daj|dac) (?:mi |nam |juz |swiety )*(?:spokoj|swiety spokoj)|"
        r"zostawcie? mnie(?: w spokoju)?|odczep\w* sie(?: ode mnie)?|odwal\w* sie|spadaj\w*|"
        r"spierdal\w*|wypierdal\w*|odpierd\w*|idz\w* (?:do diabla|w cholere|sobie)",
        r"nie jestem zainteresowan\w (?:i )?(?:prosze )?(?:o )?(?:nie|usun|wypis|przest|"
        r"wykresl)\w*|(?:juz )?(?:mowilem|mowilam|pisalem|pisalam|prosilem|"
        r"prosilam) (?:\w+ ){0,4}(?:przest\w*|nie|stop|usun\w*)",
        r"(?:anuluj\w*|rezygnuje z|zakoncz\w*) (?:\w+ )?(?:subskrypcj\w|newsletter\w*|"
        r"prenumerat\w)",
    ),
    wrong_number=(
        r"(?:to )?(?:już nie (?:jest )?|nie jest już )(?:mój|nasz) (?:numer|telefon)",
        r"jestem nowym (?:wlascicielem|uzytkownikiem|posiadaczem)(?: \w+){0,4}|jestem nowa (?:wlascicielka|uzytkowniczka)(?: \w+){0,4}",
        r"szuka(?:sz|cie|ja)? (?:pan |pani |panstwo )?(?:kogos innego|innej osoby)",
        r"wiadomosc (?:chyba |raczej |na pewno )?nie (?:jest|byla)? ?(?:do|dla) mnie|"
        r"numer (?:ma|posiada|uzywa|nalezy)(?: teraz| juz| do)* (?:ktos inn\w+|kogos inn\w+|"
        r"inna osoba|innej osoby)",
        r"(?:zly|bledny|niewlasciwy|nieprawidlowy|niepoprawny|nie ten|pomylony|nie te|zla|"
        r"niewlasciwa|zle) (?:numer\w*|telefon\w*|adresat\w*|osob\w|kontakt|"
        r"num)(?! (?:zamowienia|faktury|konta|przesylki|na fakturze|w zamowieniu))|"
        r"numer (?:jest )?(?:bledny|niewlasciwy|nieprawidlowy|zly|pomylony|niepoprawny)",
        r"pomylka|to pomylka|(?:pan|pani|panstwo|chyba|musial\w*|ktos) (?:\w+ )?(?:pomyl\w+|"
        r"sie pomyl\w+)|(?:pomylil|pomylila|pomyliles|pomylilas|pomyliliscie|"
        r"pomylono)(?:\w*)? (?:pan |pani |panstwo |sie |wam sie |ci sie |chyba )*(?:numer\w*|"
        r"osob\w*|sie)?|pomylony|mylicie mnie|myli mnie|(?:pisze|dzwoni|piszesz|dzwonisz|"
        r"piszecie) (?:pan |pani )?(?:do zlej|na zly|pod zly|nie do tej|do niewlasciwej|"
        r"pod niewlasciwy)(?: \w+)?",
        r"(?:to|ten|juz|numer)?(?: numer| telefon)? ?(?:nie jest|nie nalezy|juz nie nalezy|"
        r"nie jest juz|to nie|juz nie|to juz nie) (?:juz )?(?:do )?(?:numer\w*|telefon\w*|"
        r"jego|jej|tej osoby|ta osoba|wlasciw\w+|mojego|pana|pani|wlasciciel\w*|juz jego|"
        r"juz jej)(?! (?:zamowienia|faktury))",
        r"nie (?:jestem|to) (?:ta osoba|tym panem|ta pania|osoba|ta kobieta|tym mezczyzna|"
        r"wlascicielem|ta ktorej|ten ktorego|nim|nia|adresatem|ja)(?: \w+){0,3}|to nie (?:ja|"
        r"do mnie|moje nazwisko|moje imie|ta osoba|ten numer|jego numer|jej numer)|"
        r"nie jestem tym",
        r"nie (?:znam|znamy|kojarze) (?:takiej osoby|tej osoby|tego pana|tej pani|nikogo|"
        r"zadnego|zadnej|kogos|takiego|takiej|go|jej|tego nazwiska|tego czlowieka|"
        r"kto to jest)(?: \w+){0,4}|nie wiem kto to (?:jest )?(?:taki|taka|ten pan|ta pani)",
        r"(?:juz|tu|tutaj|u nas) (?:juz |tu |tutaj |u nas )*nie (?:pracuje|mieszka)(?: juz)?|"
        r"nie (?:pracuje|mieszka) (?:juz|tu|tutaj|u nas)|(?:nie ma|brak|nie mieszka|"
        r"nie pracuje|nikt) (?:tu |tutaj |takiej |tej |takiego |pod tym numerem |juz |u nas |"
        r"nikogo )*(?:osoby|tutaj|tu|nikogo o|nikogo takiego|u nas|pod tym numerem|o takim|o tym|kogos|taki\w*|"
        r"sie tak nie nazywa|w firmie|w tej firmie)(?: \w+){0,4}|(?:nikt|osoba) o (?:takim|"
        r"tym) (?:imieniu|nazwisku)(?: \w+)?|(?:juz )?(?:nie pracuje|nie mieszka|odszedl|"
        r"odeszla)(?: juz)? (?:u nas|tu|tutaj|z firmy|w firmie|w tej|pod)",
        r"(?:zmienil|zmienila|zmienili) (?:sobie |swoj )?(?:numer|telefon)|ma (?:teraz |"
        r"juz )?(?:inny|nowy) (?:numer|telefon)|(?:jego|jej) (?:stary|dawny|poprzedni) numer|"
        r"inna osoba|pomylka numeru|numer (?:zmienil|ma teraz)",
        r"(?:mam|posiadam|uzywam|dostalem|dostalam|kupilem|kupilam|otrzymalem|otrzymalam|"
        r"przejalem|mam juz) (?:ten|nowy|te|tego) (?:numer|karte|telefon)(?: \w+)? (?:od|"
        r"dopiero|niedawno|wczoraj|juz|tydzien|miesiac|teraz|rok)(?: \w+)*|(?:niedawno|"
        r"dopiero co|wlasnie|ostatnio) (?:dostalem|dostalam|kupilem|kupilam|otrzymalem|"
        r"otrzymalam) (?:ten|te) (?:numer|karte)|(?:to|ten numer) (?:jest )?(?:teraz|"
        r"od niedawna|juz) (?:moj|mojego|nalezy do mnie)(?: numer)?|"
        r"ten numer (?:jest (?:teraz )?moj|ma (?:juz )?(?:kogos|inn\w+)|nalezy do (?:kogos|"
        r"mnie|innej)|wczesniej)(?: \w+){0,2}",
        r"(?:\w+) (?:juz )?nie (?:ma|uzywa|"
        r"korzysta)(?: juz)?(?: z)? (?:tego|ten) (?:numer\w*|telefon\w*)|(?:zle|nie) (?:pan |"
        r"pani |panstwo )?trafil\w*",
        r"(?:poprzedni\w*|dawn\w*|byl\w*) (?:wlasciciel\w*|posiadacz\w*|uzytkownik\w*|"
        r"abonent\w*)|(?:to )?(?:do|dla) kogos innego|do innej osoby|szuka(?:cie|"
        r"sz)? kogos innego|nie (?:do|dla) mnie",
        r"nie nazywam sie|to nie moje (?:imie|nazwisko)|nie mam na imie",
    ),
    complaint=(
        r"(?:zglosz\w*|zglasz\w*|zglosimy|donios\w*|skarg\w*|zloz\w*) (?:\w+ ){0,4}(?:do"
        r"|na) (?:\w+ )?(?:uodo|uokik|uke|policj\w*|prokuratur\w*|urzed\w*)",
        r"(?:do|na) (?:uodo|uokik|uke|policj\w+|prokuratur\w+) (?:\w+ )?(?:zglosz\w*"
        r"|zglasz\w*|skarg\w*)",
        r"(?:to|to juz|to jest) (?:juz )?(?:nekanie|molestowanie|przesladowanie|stalking)"
        r"|nekacie mnie",
        r"moj (?:prawnik|adwokat|mecenas) (?:sie |juz |was |z )(?:\w+ ){0,4}(?:skontaktuje"
        r"|odezwie|pozwie|zajmie)(?: z wami)?$",
        r"(?:pozwe|pozywam|skarze|zaskarze) (?:was|cie|pana|pania|firme)|pojde z tym do"
        r" sadu|spotkamy sie w sadzie",
    ),
    corrected=(
        r"(?:zmieniam|zmienię|zmienimy|będę zmieniać|będę zmieniał|będę zmieniała|zaktualizować) (?:swój |mój |nasz )?numer|mój numer (?:się )?(?:zmieni|zmienia)",
        r"moj (?:nowy |prawidlowy |aktualny )?(?:numer|telefon) (?:telefonu )?(?:to|teraz"
        r" to|jest) (?:teraz )?\d[\d ]{3,}",
        r"(?:prosze |uzyw\w* |dzwon\w* |pisz\w* |pisac |dzwonic )(?:\w+ ){0,3}(?:na|pod)(?:"
        r" numer)? \d[\d ]{5,}",
        r"(?:nowy|wlasciwy|prawidlowy) numer to \d[\d ]{3,}",
    ),
    confirmed=(
        r"to (?:nadal |wciaz |ciagle |jest )?(?:moj|dobry|wlasciwy|prawidlowy) numer"
        r"|^(?:tak )?(?:dobry|wlasciwy|prawidlowy) numer$",
        r"(?:numer (?:sie zgadza|jest aktualny|aktualny|bez zmian))|(?:nadal|wciaz) (?:mam"
        r"|uzywam) (?:ten|tego) numer\w*",
    ),
    uncertain=(
        r"nie (?:chcę|chcemy) (?:żebyście|żeby|abyście|zebyscie) (?:\w+ )?(?:przestali|przestawali|skończyli)",
        r"nie (?:chce|chcemy|zamierzam|planuje) (?:sie )?(?:wypis|rezygn|usuwa|usun|wyrejestr)\w*|nie (?:usuwaj|wypisuj|wykreslaj|skreslaj)\w*",
        r"list\w+ (?:oczekujacych|rezerwow\w+|obecnosci)|z (?:dw|kopii|spotkania|zaproszenia|grafiku|polisy)\b",
        r"jeszcze (?!raz|jed)\w+|przed (?:dziesiat|dziewiat|osm|poludni|weekend|poniedzialk)\w*|(?:do|w) prac[yi]|do pracy",
        r"(?:moj|moja|moi) (?:\w+ )?nie przestaj\w+",
        r"moj (?:numer|adres|mail|nazwisko) (?:jest|byl) (?:\w+ )?(?:zly|bledny|zle|niepoprawny)|(?:zly|zla|zle|bledny|bledna) (?:rozmiar|data|date|dzien|godzina|godzine|adres|kolor|produkt|drzwi|pietro|ulica|autobus)",
        r"pomyl\w+ (?:sie )?(?:rozmiar\w*|dat\w|dni|dzien|godzin\w*|adres\w*|kolor\w*|drzwi|pietr\w)",
        r"(?:sms\w*|wiadomosci|telefony) (?:sa ok|moga byc|w porzadku)",
        r"(?:prowadze|jestem na spotkaniu|na zebraniu|na lekcji|spie|bateri\w)",
        r"nigdy do mnie nie (?:dzwonisz|piszesz|odpisujesz)",
        r"nie (?:dostal\w*|otrzymal\w*|przyszl\w*|doszl\w*|widze|widzial\w*|przyszedl)",
        r"nie (?:jest )?(?:to )?(?:zly|bledny|pomylka|pomyl\w+)|(?:ja |ja sie |pomylilem|"
        r"pomylilam|pomylilismy)(?:\w*)? ?(?:sie )?(?:pomylil\w*|numer\w*)|(?:podalem|podalam|"
        r"wpisalem|wpisalam|zostawilem|mam|mialem|mialam|dalem|dalam|zapisalem|"
        r"zapisalam) (?:\w+ ){0,3}(?:zly|bledny|niewlasciwy|zle)",
        r"numer\w* (?:zamowienia|faktury|konta|przesylki|klienta|sprawy|umowy|paczki|rachunku|"
        r"seryjn\w+|na fakturze)",
        r"(?:odwol\w+|anul\w+|przeloz\w+|usun\w*|zrezygn\w+|rezygnuje z) (?:\w+ )?(?:wizyt\w*|"
        r"zamowieni\w*|rezerwacj\w*|spotkani\w*|termin\w*|umow\w*|dostaw\w*|kont\w*|lot\w*|"
        r"przejazd\w*)|(?:wizyt\w*|zamowieni\w*|rezerwacj\w*|"
        r"spotkani\w*) (?:\w+ )?(?:odwol\w+|anul\w+)",
        r"nie (?:przestawaj\w*|przestawac|usuwaj\w*|usuwac|wypisuj\w*|wypisywac|"
        r"chce (?:rezygnowac|sie wypisywac|sie wypisac|zebyscie przest\w*)|konczcie|rezygnuje)",
        r"(?:wole|lepiej|tylko|raczej|zamiast) (?:\w+ )?(?:mail\w*|sms\w*|telefon\w*|dzwon\w*|"
        r"zadzwon\w*|pisz\w*|napisz\w*|przez|na|po|wiadomosc)|prosze (?:o )?(?:maila|"
        r"kontakt mailowy|pisac na|dzwonic na|telefon)|na (?:drugi|inny|maila|mail|whatsapp)",
        r"(?:teraz nie|nie teraz|dzis\w*|jutro|do (?:jutra|poniedzialku|godziny)|przed \d+|"
        r"po \d+|wieczor\w*|rano|w nocy|tak (?:pozno|wczesnie)|o tej porze|w weekend|na razie|"
        r"w pracy|chwilowo|w niedziel\w+|w trakcie)",
        r"(?:koniec|konca|koncem) (?:miesiaca|tygodnia|roku|dnia|pracy|czerwca|lipca)|w koncu|"
        r"przystan\w*|autostop\w*|non stop|wystarczy (?:ze|jak|mi)|dosc (?:dobr\w+|czesto|"
        r"duz\w+|pozno)|na koniec",
        r"(?:jesli|jezeli|czy|gdyby|o ile) (?:\w+ ){0,5}(?:pomyl\w*|zly|numer|wlasciw\w*|"
        r"bledny)|moj nowy numer|nowy numer to|zmienilem numer|zmienilam numer",
        r"(?:on|ona|dziecko|pies|deszcz) nie (?:przestaje|przestal\w*)",
    ),
    asks_how=(
        r"jak (?:moge |mozna |mam |sie |to |mi ){0,3}(?:wyjsc|opuscic|zrezygnowac|usunac|wylaczyc|zablokowac|anulowac|zatrzymac|przestac|skasowac)(?: (?:sie|z|ze|te|tej|ta|tych|ten|waszej|swoj|moj|numer|dostawac|otrzymywac|subskrypcj\w)){0,4} (?:list\w*|wiadomosci|sms\w*|subskrypcj\w*|baz\w*|reklam\w*|spam\w*)",
        r"^(?:jak|co (?:mam |musze |trzeba )?(?:wyslac|zrobic|napisac|odpisac)) (?:zeby |aby |by )?(?:(?:moge|mozna|to|was|sie|z tego|stad) ){0,2}(?:zatrzymac|wylaczyc|anulowac|zablokowac|zrezygnowac|przerwac|zakonczyc)(?: (?:to|was|sie))*$",
    ),
    weak=(
        r"stop\w*|przesta\w+|koniec|wypis\w+|usun\w*|pomyl\w+|zly numer|nie (?:dzwon|pisz|"
        r"wysyl|kontakt)\w*|rezygn\w+|nie jestem zainteresowan\w|spam\w*|nek\w+|rodo|"
        r"policj\w*|prawnik\w*|skad macie|kto to \w+|zmarl\w*|nie zyje|zgod\w*",
    ),
    question_starts=(
        "czy|jak (?:moge|sie|mozna|zrezygnowac)|co sie stanie|czy mam|moge|powinienem|powinnam|"
        "gdzie|jaki|dlaczego ja"
    ),
    request_starts=(
        r"(?:czy )?(?:moge|moglbym|moglabym|mozemy) (?:prosze )?(?:zostac|byc) |"
        r"(?:czy )?(?:moglby|moglaby|moglibyscie|mozecie|moze|mozesz|moglbys|mogliby|"
        r"czy moga) (?:pan |pani |panstwo |prosze |w koncu |wreszcie |mnie )*(?:przest\w*|usun\w*|"
        r"nie|wypis\w*|wykresl\w*|dac|skoncz\w*|zaprzest\w*)|ile razy mam|kiedy przestan\w*"
    ),
    denials=(
        r"(?:poj[eę]cia|nie wiem),? kto to(?: jest)?",
        r"(?:ja )?nie jestem(?: panem| pania)?",
        r"(?:to|tu|ten numer)? ?nie jest(?: ju[zż])?(?: numer| telefon)?",
        r"to nie(?: jest)?(?: numer| telefon| pan| pani)?",
        r"nie znam (?:[zż]adnego|[zż]adnej|nikogo o imieniu)",
        r"(?:nie ma|nie mieszka)(?: tu| tutaj)? (?:[zż]adnego|[zż]adnej)", r"nie nazywam si[eę]",
    ),
    no_such_person=(r"[zż]adnego", r"[zż]adnej", r"nie ma"),
    abbreviations={
        "nr": "numer", "num": "numer", "tel": "telefon", "wiad": "wiadomosci",
        "wiadomosic": "wiadomosci", "pozdro": "pozdrawiam", "prosz": "prosze",
        "dzwonic": "dzwonic"
    },
)  # fmt: skip
