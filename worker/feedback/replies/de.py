"""German."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_THINGS = (
    r"(?:nachrichten|nachricht|sms|sms en|smsen|texte|mails?|e ?mails?|anrufe?n?|werbung|werbe\w+|"
    r"spam\w*|newsletter|angebote|post|mitteilungen|benachrichtigungen|meldungen|info\w*|"
    r"erinnerungen|whatsapps?|kontakt\w*|kommunikation)"
)
_DO = (
    r"(?:schreib\w*|anschreib\w*|angeschrieben|anruf\w*|angerufen|kontakt\w+|send\w*|schick\w*|"
    r"zusend\w*|zuschick\w*|belaestig\w*|belastig\w*|stor\w*|stoer\w*|nerv\w*|meld\w*|text\w*|"
    r"spam\w*|ruft?|rufen|simsen|zuspam\w*|zutext\w*|beruhelligen|behellig\w*)"
)
_MY = (
    "(?:meine (?:nummer|telefonnummer|handynummer|daten|kontaktdaten|rufnummer|mobilnummer)|"
    "diese (?:nummer|telefonnummer|handynummer|rufnummer)|meinen (?:namen|kontakt|eintrag)|"
    "die nummer)"
)

LANGUAGE = Language(
    code="de",
    exact_opt_out="""
        stopp|stoppen|abmelden|abmeldung|abbestellen|abbestellung|beenden|ende|kundigen|kuendigen
        kundigung|loschen|loeschen
        austragen|schluss|schluss damit|aufhoren|aufhoeren|hor auf|hort auf|horen sie auf|hoer auf
        hoert auf|genug|es reicht|reicht
        keine sms|keine sms mehr|keine werbung|keine nachrichten|keine nachrichten mehr|nicht mehr
        lass das|lasst das|lassen sie das
        widerruf|widerspruch|widerrufen|abmelden alle|stop sms|ich widerspreche|ich kundige|ruhe
        abbrechen|nie wieder|kein interesse stopp
        stoppt|stoppen sie|mich abmelden|mich austragen|mich loschen|melde mich ab|werbestopp
        blockieren
    """,
    politeness=(
        "tschüss|tschuss|auf wiedersehen|bitte|danke|vielen dank|danke schon|hallo|guten tag|ok|okay|ja|sofort|jetzt|endlich|mfg|"
        "hi|sorry|entschuldigung|umgehend|dankeschon|sehr geehrte damen und herren|einfach|und|"
        "moin|servus"
    ),
    declines=r"""
        nein|ne|nee|nö|nein danke|danke nein|danke nicht|nicht nötig|brauche ich nicht|brauchen wir nicht
        (?:ich (?:bin|war)|wir sind|bin) (?:daran |leider |wirklich |überhaupt |gar )?nicht (?:daran |mehr )?interessiert|nicht (?:mehr )?interessiert
        (?:(?:ich habe|wir haben|habe) )?(?:kein|keinerlei|null) (?:interesse|bedarf)(?: daran| mehr| mehr daran)?
        (?:daran |davon )?(?:ich |wir )?(?:habe|haben) (?:ich |wir )?(?:daran |leider )?kein (?:interesse|bedarf)
        nie wieder|nie mehr|niemals wieder
        (?:ich habe mich|habe mich|dafür habe ich mich|dazu habe ich mich) (?:nie|niemals|nicht|hier nie|da nie) (?:dafür |hier )?(?:angemeldet|registriert|eingetragen)
        (?:ich habe|habe|wir haben) (?:dem |dazu |hier |da )?(?:nie|nicht|niemals) (?:zugestimmt|eingewilligt)|keine (?:einwilligung|zustimmung|erlaubnis)
        (?:bitte )?(?:ruf|rufe|ruft|rufen sie|schreib|schreibe|schreibt|schreiben sie) (?:bitte )?(?:jetzt )?nicht(?: mehr)?(?: an)?(?: (?:bitte|jetzt|ich melde mich|ich rufe (?:sie |dich |euch )?(?:an|zurück)))*
        nicht (?:mehr )?(?:anrufen|kontaktieren|schreiben|stören|melden|belästigen)
        (?:sie|ihr) (?:nerven|nervt|belästigen mich|belästigt mich)|das nervt|nervig
        (?:wird |ist |sind |werden )?(?:blockiert|gesperrt)|(?:ich )?(?:blockiere|sperre) (?:sie|euch|dich|diese nummer|die nummer)
        abo(?:nnement)? (?:beenden|kündigen)
        (?:sie|ihr|du|die nummer|ihre nummer|eure nummer|diese nummer) (?:wurden?|wurdet|wurdest|sind|seid|bist|ist|werden|wird|werdet) (?:jetzt |hiermit |nun )?gemeldet(?: worden)?|nummer (?:ist |wurde |wird )?gemeldet
        (?:(?:das|dies|es|ihr|sie) (?:ist|sind|seid) )?(?:reiner? |so ein |alles |nur |ein )?(?:betrug|betrüger|abzocke|abzocker|verarsche|betrugsmasche|phishing)
        (?:sie|ihr|du) (?:ruft|rufen|rufst|schreibt|schreiben|schreibst|belästigt|belästigen|kontaktiert|kontaktieren)(?: (?:mich|mir|uns|hier|bei|ja|doch))* (?:ständig|dauernd|andauernd|täglich|jeden tag|immer wieder|immerzu|pausenlos|viel zu oft|zu oft|viel zu viel|zu viel)(?: an)?
        (?:ich|wir) (?:rufe|rufen|hole|holen|verständige|informiere)(?: \w+)? die polizei|(?:ich|wir) (?:sperre|blockiere|melde|sperren|blockieren|melden) (?:sie|euch|dich|die|diese)(?: (?:nummer|jetzt|sofort|gleich|nun))*
        (?:ich|wir) (?:habe|haben|hab) (?:daran |dafür |absolut |wirklich |leider |gar |überhaupt )*(?:kein|keinen|keinerlei) (?:interesse|bedarf)(?: daran| an \w+(?: \w+)?)?|(?:ich|wir) brauche?n? (?:das|es|so was|sowas|so etwas|das alles|ihre \w+) nicht
    """,
    exact_opt_in="anmelden|fortsetzen|starten",
    call_words=r"anruf|anzuruf|angerufen|ruf\w* (?:mich|sie)|telefon",
    opt_in=(
        r"(?:melde\w*|meldet|tragt?\w*) (?:sie |ihr )?mich (?:bitte )?(?:wieder |erneut )?(?:an|ein)$",
        r"(?:mochte|will) (?:ich )?(?:mich )?wieder (?:anmelden|nachrichten (?:bekommen|erhalten))",
    ),
    weak_wrong_number=(
        r"(?:ich bin|hier ist) (?:seine?|ihre?|sein|ihr) (?:frau|mann|bruder|schwester|sohn|tochter|mutter|vater|partnerin|partner|assistentin|betreuer\w*)",
        r"nicht mehr (?:im|in (?:der|diesem)|bei (?:dem|diesem|unserem)) (?:unternehmen|firma|betrieb)",
        r"(?:ist|sind|war) (?:\w+ ){0,3}(?:verstorben|gestorben|tot)",
        r"(?:verstorben|gestorben|lebt nicht mehr|weilt nicht mehr)",
        r"(?:ist|sind) (?:hier )?(?:ein|eine) (?:\w+ )?(?:firma|geschaft|buro|unternehmen|firmennummer|geschaftsnummer|praxis|hotel|schule|laden|festnetz\w*|diensthandy|firmenhandy)",
        r"wer (?:ist|sind|bist) (?:da|das|dort|hier|du|sie|denn)(?: (?:denn|da|eigentlich))?$",
        r"mit wem (?:spreche|schreibe) ich",
        r"neue[r]? (?:besitzer|inhaber|eigentumer)\w*",
    ),
    opt_out=(
        r"(?:von|aus) (?:der|ihrer|eurer|dieser|deiner|dem|ihrem|eurem) (?:\w+ )?(?:liste|verteiler|datenbank|kartei) (?:gestrichen|gelöscht|genommen|entfernt|ausgetragen) werden",
        r"(?:mich|mir|uns|hier) (?:bitte |doch )?(?:nicht|nie) (?:mehr |wieder )?(?:anzurufen|zu kontaktieren|anzuschreiben|zu schreiben|zu belästigen|zu stören|zu texten|zu simsen)",
        r"(?:einwilligung|zustimmung|einverstandnis)(?: ist| wird| hiermit| sofort)* (?:widerrufen|zuruckgezogen|entzogen)",
        r"(?:nimm|nehmt|nehmen|streich\w*|losch\w*|tragt?|entfern\w*) (?:sie )?mich (?:\w+ ){0,2}(?:von|aus) (?:\w+ ){1,2}(?:liste|verteiler|datenbank|kartei|system)(?: \w+)?",
        r"(?:losch\w*|vergess\w*|vergiss) (?:\w+ )?meine nummer",
        r"lond mi in ruh?e?h?|losmi in ruh|horet? uf|hor uf(?: mit)?(?: \w+){0,3}|ke[id] (?:sms|nachrichte|werbig|mails?) meh\w*|nid? meh (?:schriibe|schribe|alute|alute|schicke)|nume? schriibe|schriib(?:ed|et|e)? (?:mir |mer )?(?:numme|nume|nid meh|nod meh|nie meh)",
        r"(?:will|mochte|brauche|wollen) (?:ich )?(?:eure|ihre|deine|diese) \w+ (?:nicht|nicht mehr)|(?:genug|schluss mit) (?:der |den |von )?(?:sms|nachrichten|anrufe\w*|werbung|texte)",
        r"(?:vergess?\w*|vergiss) (?:sie |ihr |bitte )?(?:meine|diese) (?:nummer|handynummer|telefonnummer)|nicht?s mehr (?:schicken|senden|schreiben|zuschicken|zusenden)",
        r"(?:verlange|fordere|bitte um|beantrage|wunsche) (?:ich |hiermit |umgehend |sofort |"
        r"um |die |sofortige )*(?:loschung|entfernung|streichung|abmeldung|"
        r"austragung)(?: \w+){0,3}",
        rf"(?:(?:auf)?hoe?r\w*|stop+\w*|stopt|unterlass\w*|beend\w*|lass\w*|schluss) (?:sie |"
        rf"ihr |bitte |endlich |sofort |jetzt |doch |auf |mit |es |damit |mir |mich |zu |die |"
        rf"den |dem |diese[nrm]? |eure[nrm]? |ihre[nrm]? |deine[nrm]? |das |der |staendig |"
        rf"standig |weitere[nr]? |weiter )*(?:{_THINGS}|{_DO}|anzurufen|zu schreiben|mich zu|"
        rf"mir zu)",
        r"(?:hor\w*|hoer\w*) (?:sie |ihr |bitte |endlich |sofort |jetzt |doch |mal |damit |"
        r"mit \w+ )*auf(?: \w+)?",
        rf"(?:kein|keine|keinen|nie wieder|"
        rf"nie mehr) (?:\w+ )?{_THINGS}(?: \w+){{0,3}}? ?(?:mehr|bitte|erhalten|bekommen|"
        rf"wunsch\w*|empfangen|wollen|schicken|senden|zu\w*|$)",
        rf"(?:mochte|moechte|will|wunsche|wuensche|wollen|mochten|brauche|wollte|"
        rf"durfen) (?:ich |wir |sie |bitte |von ihnen |von euch |von dir |eigentlich |auch |"
        rf"absolut |ab sofort |in zukunft |zukunftig |definitiv |uberhaupt |wirklich |einfach |"
        rf"kuenftig )*(?:keine|keinen|kein|nicht|nichts|nie) (?:weitere[nrs]? |mehr |langer |"
        rf"solche |eure |ihre |von ihnen |von euch |lust auf |derartige |diese |dass sie mich |"
        rf"dass ihr mich |mir |mich |per sms |weiter |ihre[nr]? )*(?:{_THINGS}|{_DO}|bekommen|"
        rf"erhalten|mehr|horen|hoeren|gestort|belastigt|zugestellt)",
        r"(?:das|diese|die|so was|sowas|eure|ihre|solche)? ?(?:\w+ )?nicht (?:mehr|langer|"
        r"weiter) (?:bekommen|erhalten|empfangen|haben|lesen|sehen|horen)",
        rf"(?:nicht|nie|niemals) (?:mehr |wieder |weiter |langer |nochmal |"
        rf"noch einmal )+(?:\w+ )?(?:{_DO}|an|bei mir|melden)",
        r"(?:ruf\w*|schreib\w*|kontaktier\w*|schick\w*|send\w*|meld\w*|belastig\w*|"
        r"belaestig\w*|stor\w*|nerv\w*|text\w*) (?:sie |ihr |mich |mir |uns |bitte |hier |"
        r"euch |sich |das |diese nummer |unter dieser nummer )*(?:nicht|nie|keine|nichts|"
        r"niemals) (?:mehr|wieder|weiter|nochmal|\w+ mehr|\w+ \w+ mehr)(?: \w+)?",
        rf"(?:losch\w*|loesch\w*|entfern\w*|streich\w*|nehm\w*|nimm|tragt|trag|tragen|"
        rf"sperr\w*|blockier\w*) (?:sie |ihr |bitte |mich |doch |sofort |"
        rf"umgehend |endlich |einfach |unbedingt )*(?:{_MY}|mich|uns)(?: \w+){{0,4}}",
        rf"{_MY} (?:\w+ )?(?:\w+ )?(?:losch\w*|loesch\w*|entfern\w*|streich\w*|herausnehm\w*|"
        rf"rausnehm\w*|austrag\w*|zu loschen|sperr\w*)",
        r"(?:mich|uns) (?:bitte |sofort |umgehend |ab |aus |von |der |dem |ihrem |eurem |"
        r"eurer |ihrer |liste |verteiler |newsletter )*(?:losch\w*|loesch\w*|entfern\w*|"
        r"abmeld\w*|austrag\w*|herausnehm\w*|rausnehm\w*|streich\w*|zu loschen|abzumelden|"
        r"zu entfernen|ausgetragen)",
        r"(?:melde\w*|meldet|trag\w*) (?:ich |sie |ihr |bitte )*(?:mich|"
        r"uns) (?:\w+ ){0,4}(?:ab|aus)",
        r"(?:aus|von) (?:dem |der |eurer |ihrer |eurem |ihrem |diesem |dieser )?(?:verteiler|"
        r"liste|datenbank|system|newsletter)(?: \w+)? (?:losch\w*|nehm\w*|entfern\w*|"
        r"streich\w*|austrag\w*)",
        r"(?:widerruf\w*|widersprech\w*|entzieh\w*|widerspruch) (?:ich |hiermit |meine[rn]? |"
        r"der |die |ihnen |jede[rn]? |weiteren )*(?:einwilligung|zustimmung|einverstandnis|"
        r"nutzung|werbung|kontakt\w*|verarbeitung|verwendung|speicherung|zusendung|erlaubnis)",
        r"(?:lass\w*|lasst) (?:sie |ihr |mich |uns |bitte |doch |endlich |"
        r"einfach )*(?:in ruhe|in frieden)|verpiss\w*|haut? ab|geh\w* (?:mir )?weg|"
        r"verschwinde\w*|leck\w* mich|fick\w*",
        r"kein interesse (?:mehr )?(?:bitte |und )?(?:nicht|keine|losch|stopp|kontakt)\w*|"
        r"unterlass\w* (?:sie |das |es |bitte )+",
        r"(?:habe|hab) (?:ihnen |euch |schon |bereits |doch |mehrfach |dir )*(?:gesagt|"
        r"geschrieben|gebeten) (?:\w+ ){0,4}(?:aufhoren|stopp?|keine|nicht mehr)",
        r"(?:vertrag|abo|abonnement|newsletter|sms service|service) (?:\w+ )?(?:abbestell\w*)|"
        r"abbestell\w*|abzubestellen|(?:bitte|mochte|will) (?:\w+ )?(?:um )?(?:abmeldung|"
        r"loschung|austragung)",
        r"robinson ?liste|will (?:das |die |den |eure |ihre )?nicht (?:mehr )?(?:haben|"
        r"bekommen|erhalten|lesen)?$",
    ),
    wrong_number=(
        r"ist nicht (?:mehr|länger) (?:meine|unsere) (?:\w+ )?(?:nummer|handynummer|telefonnummer|rufnummer)",
        r"(?:ich )?bin (?:der|die) neue (?:besitzer|inhaber|eigentumer)\w*(?: \w+){0,4}",
        r"falschi? (?:nummere|nummer|person)|han (?:die |di )?nummer(?:e)? (?:neu|erst)",
        r"(?:suchen|suchst|sucht|meinen|meinst) (?:sie |ihr |du )?(?:wohl |sicher |bestimmt )?(?:jemand|eine andere|einen anderen)(?: \w+)?|keine ahnung wer (?:das|er|sie) (?:ist|sein soll)",
        r"nicht (?:mehr )?(?!meines|unseres|deines)\w+s (?:nummer|handy|telefon|handynummer|telefonnummer|anschluss)",
        r"(?:nummer|handy|anschluss) (?:hat|ist|gehort|nutzt|benutzt) (?:jetzt |nun |"
        r"inzwischen |mittlerweile |bei )*(?:jemand|ein anderer|eine andere|"
        r"einem anderen)(?: \w+)?|nachricht (?:ist|war) (?:wohl |sicher |bestimmt |"
        r"leider )?nicht (?:fur|an) mich",
        r"(?:falsche|falscher|verkehrte|falschen|falsch) (?:nummer|telefonnummer|handynummer|"
        r"person|rufnummer|ansprechpartner\w*|kontakt|empfanger|adressat\w*|verbunden|gewahlt|"
        r"nr)(?! (?:bei|auf|im|in) (?:der|dem|meiner|bestell|rechnung)\w*)",
        r"(?:nummer|telefonnummer|handynummer|person) (?:ist |war |stimmt )(?:leider |wohl |"
        r"hier |die |ganz )*(?:falsch|verkehrt|nicht mehr|nicht richtig|"
        r"nicht die richtige)(?! (?:auf|in|bei))|(?:person|er|sie|kollege|kollegin) (?:hat|"
        r"benutzt|nutzt|verwendet) (?:diese|die) (?:nummer|handynummer) nicht mehr|"
        r"nicht mehr (?:unter|auf) dieser nummer",
        r"(?:nicht|nicht mehr) (?:die |der |das )?(?:richtige|richtiger|richtigen|"
        r"gesuchte) (?:nummer|person|ansprechpartner\w*|empfanger|adresse|mann|frau|kontakt)",
        r"(?:haben|hast|habt|sind|bist|seid) (?:sie |ihr |du |da |wohl |sich |dich |euch |"
        r"hier |bestimmt |sicher |offenbar |leider )*(?:verwahlt|verwaehlt|falsch|"
        r"bei mir falsch|geirrt|in der nummer geirrt|in der person geirrt|"
        r"mit der nummer geirrt|vertan|vertippt|verwechsel\w*|an die falsche|hier falsch|"
        r"die falsche|eine falsche|den falschen)(?: \w+)?|verwahlt|verwaehlt|"
        r"verwechseln (?:sie )?mich|sie irren sich",
        r"(?:das|dies|hier|es) ist (?:nicht|nicht mehr|keine) (?:mehr )?(?:die |der |das |"
        r"seine |ihre |deren )?(?:nummer|handy|telefon|anschluss|handynummer|telefonnummer|"
        r"richtige(?: (?:nummer|person)|$))(?: (?:von|der|des|fur))?(?! (?:von mir))",
        r"(?:gehort|gehoert) (?:jetzt |nun |inzwischen |mittlerweile |leider |die |"
        r"diese )*(?:nicht|nicht mehr|jemand\w*|mir|einer? anderen|einem anderen|"
        r"nicht mehr zu)(?: \w+)?|(?:nummer|handy|anschluss) (?:gehort|"
        r"gehoert) (?:\w+ ){0,3}(?:nicht|jetzt|jemand|mir)",
        r"(?:bin|ist) nicht (?:die |der )?(?:gesuchte |richtige )?(?:person|derjenige|"
        r"diejenige|der den|die die|inhaber\w*|besitzer\w*|fur den|gemeint\w*)(?: \w+)?|"
        r"bin ich nicht$|das bin nicht ich|das bin ich nicht",
        r"(?:kenne|kennen|kenn) (?:ich |wir |hier |leider )*(?:keine[nr]?|niemand\w*|"
        r"diese person|diesen (?:herrn|mann|menschen|namen)|diese (?:frau|dame)|den (?:namen|"
        r"herrn|mann) nicht|die (?:person|frau|dame) nicht|ihn nicht|sie gar nicht)(?: \w+)?",
        r"(?:hier|bei uns|unter dieser nummer) (?:gibt es |ist |wohnt |lebt |arbeitet |"
        r"existiert )*(?:kein|keine|niemand|keinen|nicht)(?: \w+)? ?(?:mit dem namen|namens|"
        r"mit diesem namen|der so heisst|des namens|dieses namens|diesen namens|so heist|"
        r"so heisst|person|mehr)?$|(?:niemand\w*|keiner|keine person|"
        r"keine?n?) (?:hier )?(?:mit dem namen|namens|mit diesem namen|der so heisst|"
        r"dieses namens|diesen namens|des namens|der so heist)",
        r"(?:hat|haben) (?:jetzt |eine |inzwischen |seine |ihre |wohl |langst |"
        r"schon )*(?:neue|andere) (?:nummer|handynummer|telefonnummer)|(?:nummer|"
        r"handynummer) gewechselt",
        r"(?:habe|hab|haben) (?:ich |wir )?(?:diese |die |meine )?(?:nummer|handynummer|"
        r"telefonnummer|sim\w*|karte)(?: ich)? (?:erst |gerade |neu |seit |vor |nun |jetzt |"
        r"schon |frisch |kurzlich )+(?:\w+ ?){0,4}|(?:diese nummer|die nummer) (?:habe|"
        r"hab) ich (?:erst|neu|seit|jetzt|gerade)(?: \w+){0,3}|neue[r]? (?:besitzer|"
        r"inhaber)\w* (?:dieser|der)|(?:nummer|sie) wurde (?:neu|mir|an mich|"
        r"jemand) (?:\w+ )?(?:vergeben|zugeteilt|weitergegeben)|nummer (?:wurde )?neu vergeben",
        r"\w+ (?:hat|benutzt|nutzt|verwendet|besitzt|ist unter) (?:diese|dieser|"
        r"die) (?:nummer|handynummer|telefonnummer) (?:schon lange |leider |gar )?nicht mehr|"
        r"(?:seine|ihre|deren) alte nummer|alte nummer von",
        r"(?:vorheriger?|vorbesitzer\w*|fruhere\w*|alte\w*) (?:besitzer|inhaber|"
        r"anschlussinhaber|nutzer)\w*|vorbesitzer\w*|war (?:mal |fruher )?die nummer",
        r"(?:arbeitet|wohnt|lebt|ist) (?:schon |leider |seit \w+ |hier |bei uns )*(?:lange |"
        r"langst )?nicht (?:mehr )?(?:hier|bei uns|im unternehmen|in der firma|in unserem)|"
        r"arbeitet nicht mehr|wohnt (?:hier )?nicht mehr|hat (?:die firma|das unternehmen|"
        r"uns) verlassen|nicht mehr (?:bei uns|im unternehmen|in der firma) (?:tatig|"
        r"beschaftigt)",
        r"(?:ist|war) (?:wohl |sicher |bestimmt |offenbar |anscheinend |"
        r"wahrscheinlich )?(?:nicht )?fur (?:jemand|eine andere|einen anderen|wen) ?(?:anders|"
        r"anderen|anderes|andere person|person)?|nicht fur mich (?:bestimmt|gedacht)|"
        r"jemand anders?|jemand anderem|jemand anderen",
        r"ich heisse (?:nicht|anders)|heisse nicht|nicht mein name|mein name ist nicht",
    ),
    complaint=(
        r"(?:sie|euch|dich) (?:\w+ )?abmahnen|(?:eine|mit einer|folgt eine|kommt eine|ihre|die) (?:\w+ )?(?:abmahnung|unterlassungserklärung|unterlassungsklage)",
        r"(?:bundesnetzagentur|polizei|verbraucherzentrale|datenschutzbehorde) (?:ist|wurde|wird) "
        r"(?:informiert|eingeschaltet|benachrichtigt|verstandigt)",
        r"(?:melde|meldet|melden|anzeige|beschwer\w+) (?:\w+ ){0,4}(?:bei|an) (?:der |die "
        r"|dem )?(?:\w+ )?"
        r"(?:bundesnetzagentur|polizei|datenschutz\w*|verbraucherzentrale|verbraucherschutz"
        r"|aufsichtsbehorde|behorde\w*|ico|bnetza)",
        r"(?:bei der|der) (?:bundesnetzagentur|polizei|verbraucherzentrale"
        r"|datenschutzbehorde|aufsichtsbehorde) (?:melden|gemeldet|anzeigen|beschweren|melde)",
        r"(?:ich |wir )?(?:erstatte|erstatten|stelle|mache) (?:\w+ ){0,2}(?:anzeige"
        r"|strafanzeige)|ich zeige (?:sie|euch|dich) an|ich verklage (?:sie|euch|dich)",
        r"das ist (?:schon |reine |jetzt )?(?:belastigung|noetigung|notigung|stalking)",
        r"mein\w* anw[aä]lt\w* (?:wird|meldet|ist|hort|kontaktiert) (?:\w+ ){0,4}(?:melden"
        r"|informiert|kontaktieren|eingeschaltet)$",
        r"(?:horen|hort|horst) (?:sie |ihr |du )?von meine[mr] anw[aä]lt\w*",
    ),
    corrected=(
        r"(?:meine|unsere) (?:\w+ )?(?:nummer|handynummer|telefonnummer|rufnummer) (?:ändert sich|wird sich ändern|wechselt)|(?:ich|wir) (?:wechsle|wechsele|wechseln|ändere|ändern|bekomme|bekommen) (?:\w+ ){0,3}(?:nummer|handynummer|rufnummer)|(?:meine|unsere) (?:\w+ )?(?:nummer|handynummer|telefonnummer) (?:aktualisieren|ändern)",
        r"mein\w* (?:neue |richtige |aktuelle )?(?:nummer|handynummer|telefonnummer) (?:ist"
        r"|lautet) (?:jetzt |nun )?(?:die )?\d[\d ]{3,}",
        r"(?:nutz\w*|verwend\w*|nehm\w*|schreib\w*|ruf\w*|erreich\w*) (?:\w+ ){0,5}(?:die"
        r"|auf|unter|an|nummer)(?: die| der)?(?: nummer)? \d[\d ]{5,}",
        r"die (?:richtige|neue) nummer (?:ist|lautet) (?:die )?\d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:das|dies|es) ist (?:noch |immer noch |weiterhin |nach wie vor |schon"
        r" )?(?:meine|die richtige) (?:nummer|handynummer|telefonnummer)",
        r"^(?:ja )?(?:richtige nummer|nummer (?:stimmt|ist richtig|passt))(?: noch| so)?$"
        r"|(?:nummer|sie) stimmt noch|sie haben die richtige nummer",
    ),
    uncertain=(
        r"(?:will|möchte|wollen) nicht dass (?:sie|ihr|du) (?:\w+ )?(?:aufhör|aufhor)\w*",
        r"(?<!wenn sie )(?<!falls sie )(?:nehmen|nehmt|streichen|streicht|loschen|loscht|entfernen|entfernt) (?:sie )?(?:mich|uns|meine nummer) (?:bitte )?nicht",
        r"(?:warteliste|teilnehmerliste|anwesenheitsliste|einladung|cc\b|kopie|dienstplan)",
        r"noch nicht (?:schicken|senden|zusenden|zuschicken|liefern)|(?:schick\w*|send\w*) (?:sie |ihr )?(?:mir|uns) (?:\w+ ){1,4}noch nicht",
        r"(?:mein \w+|er|sie) (?:will|mochte) nicht mehr|(?:meint|sagt|sagte|findet) (?:mein|er|sie)\b",
        r"mein\w* (?:nummer|name|adresse|anschrift|mail) (?:ist|war|steht|wurde) (?:\w+ ){0,3}(?:falsch|verkehrt|nicht richtig)|falsche\w? (?:grosse|datum|tag|uhrzeit|adresse|farbe|artikel|tur|bahn|bus|etage|bestellung|ware|teil|termin)",
        r"(?:sms|nachrichten|anrufe) (?:sind|ist) (?:ok|okay|in ordnung|gut|kein problem)",
        r"(?:im auto|am steuer|beim fahren|in (?:einer|der) besprechung|im meeting|akku|im unterricht|schlafe)",
        r"du (?:rufst|schreibst|meldest|antwortest) (?:mich |mir |dich )?(?:nie|nicht)",
        r"hort (?:\w+ )?(?:nicht )?auf zu (?:regnen|weinen|bellen)|hor auf zu (?:weinen|lachen|lugen|spinnen)",
        r"(?:habe|hatte|haben) (?:ich |wir |noch |leider |bisher |gar |immer noch |heute )*kein\w* \w+ (?:bekommen|erhalten|gesehen|gefunden)|kein\w* \w+ (?:angekommen|gekommen|eingegangen)",
        r"nicht (?:die |eine )falsche|nicht falsch$|(?:ich|wir|mich|uns) (?:\w+ )?(?:verwahlt|"
        r"geirrt|vertippt|vertan)|(?:habe|hab|hatte|hatten) (?:ich |wir |ihnen |wohl |dir |"
        r"euch |leider )*(?:\w+ ){0,3}falsche? ",
        r"(?:falsche|bestell|rechnungs|kunden|auftrags|vertrags) ?(?:nummer|rechnung)? (?:auf|"
        r"bei|in|im|auf der) (?:der|dem|meiner|ihrer) (?:rechnung|bestellung|vertrag|"
        r"lieferschein|webseite|homepage|formular)|(?:rechnungs|bestell|kunden|auftrags|haus|"
        r"konto|sendungs)nummer",
        r"(?:termin|bestellung|reservierung|auftrag|vertrag|buchung|treffen|lieferung|besuch|"
        r"konto|rezept) (?:\w+ ){0,4}(?:absag\w*|storni\w*|kundig\w*|loschen|beenden|"
        r"abbestell\w*|verschieb\w*|abbrechen)|(?:absag\w*|stornier\w*|kundig\w*|losch\w*|"
        r"beend\w*|stopp\w*) (?:\w+ ){0,2}(?:termin|bestellung|reservierung|auftrag|vertrag|"
        r"buchung|treffen|lieferung|besuch|konto)",
        r"(?:nicht|bitte nicht|noch nicht) (?:aufhoren|abmelden|loschen|stoppen|abbestellen|"
        r"austragen|kundigen|stopp)|nicht stopp",
        r"(?:lieber|stattdessen|nur|ausschliesslich|besser) (?:per|uber|eine?|an|auf|"
        r"schreib\w*|anruf\w*|mail\w*|sms|telefonisch|schriftlich|unter)|(?:per|via) (?:mail|"
        r"e mail|email|post|sms|whatsapp) (?:\w+ )?(?:stattdessen|lieber|bitte|schicken|"
        r"senden)|statt(?:dessen)? (?:anruf|sms|mail)|andere nummer|unter einer anderen",
        r"(?:jetzt nicht|gerade nicht|heute|morgen|vor \d+|nach \d+|bis|abends|nachts|"
        r"am wochenende|am sonntag|so spat|so fruh|um diese|wahrend|im moment|momentan|"
        r"grade nicht|zurzeit|derzeit|bei der arbeit|im urlaub)",
        r"(?:bus|halte|bahn|zwischen|tank) ?stopp?|nonstop|non stop|ende (?:der|des|dieser|"
        r"nachster|dezember|januar|monat\w*|woche|juli|juni|august)|am ende|zu ende|"
        r"wochenende|genug (?:zeit|geld|fur|davon)",
        r"(?:falls|wenn|ob|sofern) (?:\w+ ){0,6}(?:falsch\w*|richtig\w*|nummer|verwahlt)|"
        r"meine neue nummer|neue nummer (?:ist|lautet)|ich habe (?:jetzt )?eine neue nummer",
        r"^(?:er|es|ich|wir|der|das|mein \w+|meine \w+|niemand|man|sie|die \w+) (?:ruf|"
        r"schreib|meld|schick|send|kontakt)\w*",
        r"(?:er|sie|hund|kind\w*|regen) hort nicht auf",
    ),
    asks_how=(
        r"(?:wie|wo) (?:komm|verlass|kundig|stopp|blockier|entfern|losch|beend|stell|werd)\w*(?: (?:ich|man|wir|mich|da|hier|wieder|denn|bitte)){0,3}(?: (?:von|aus|vom|die|diese|dieser|diesem|der|dem|den|das|eure|eurer|ihre|ihrer|eurem|ihrem|meine|nummer)){0,3} (?:liste|listen|verteiler|nachrichten|sms|abo|werbung|newsletter|datenbank|spam)",
        r"^(?:wie|wo) (?:kann|muss|konnte|soll) (?:ich|man) (?:das |das hier |dies |mich |euch |sie )?(?:kundigen|abstellen|abbestellen|abmelden|loschen|blockieren|stoppen|austragen|verlassen|beenden)$",
        r"^wie (?:kundige|stoppe|beende|blockiere|verlasse|stelle|bestelle|melde|komme|werde) ich (?:\w+ ){0,3}(?:das|euch|sie|ab|raus|runter|los|weg)$",
    ),
    weak=(
        r"bundesnetzagentur|bnetza|datenschutz\w*|widerruf\w*|widerspr\w+|"
        r"stopp?\w*|abmeld\w+|abbestell\w*|falsche nummer|falsch verbunden|verwahlt|losch\w+|"
        r"kein interesse|belastig\w+|spam\w*|anwalt|anzeige|dsgvo|aufhor\w*|hor\w* auf|"
        r"nicht mehr|woher haben sie|wer ist \w+|verstorben|gestorben|kundig\w+|keine werbung|"
        r"falsche?",
    ),
    question_starts=(
        "ist das|ist dies|bin ich|habe ich|hab ich|haben wir|wie (?:kann|melde|komme|bestelle|"
        "mache)|kann ich|darf ich|was passiert|soll ich|sind sie|seid ihr|ist es|welche|"
        "warum habe ich|wo kann"
    ),
    request_starts=(
        r"(?:kann|konnte|darf|konnten|konnen) (?:ich|wir|man mich) (?:\w+ ){0,4}(?:liste|verteiler|datenbank|kartei)|"
        r"(?:konnen|konnten|konnt|kannst|konntest|konntet|wurden|wurdet|wurdest|koennen|"
        r"koennten) (?:sie|ihr|du) (?:\w+ ){0,5}(?:auf\w*|losch\w*|entfern\w*|lassen|unterlassen|"
        r"nicht mehr|keine|stopp\w*|austragen|abmelden|herausnehmen)|wann hor\w* (?:sie|ihr)|"
        r"wie oft (?:muss|soll) ich"
    ),
    denials=(
        r"keine ahnung,? wer",
        r"(?:ich )?bin nicht",
        r"(?:das|dies|hier) ist nicht(?: (?:die (?:nummer|handynummer|telefonnummer) von|das (?:handy|telefon) von))?(?: mehr)?",
        r"nicht die nummer von", r"(?:ich )?hei(?:ß|ss)e nicht",
        r"kenne? (?:ich )?(?:hier )?keine[nr]?",
        r"(?:hier )?(?:gibt es|wohnt|ist|arbeitet)(?: hier)? keine[nr]?", r"(?:bin|ist) kein[e]?",
    ),
    no_such_person=(r"keine?[nr]?", r"nicht"),
    abbreviations={
        "nr": "nummer", "tel": "telefon", "bekomm": "bekommen", "hab": "habe", "u": "und",
        "nich": "nicht", "ned": "nicht", "net": "nicht", "nix": "nichts", "loschn": "loschen",
        "stopt": "stoppt", "handynr": "handynummer", "telnr": "telefonnummer", "numer": "nummer",
        "numma": "nummer", "uf": "auf", "kei": "keine", "keini": "keine", "meh": "mehr",
        "nume": "nicht mehr", "numme": "nicht mehr", "numm": "nicht mehr", "nod": "nicht",
        "nid": "nicht", "mi": "mich", "mer": "mir", "rueh": "ruhe", "ruah": "ruhe",
        "lond": "lasst", "lont": "lasst", "lass": "lass", "nachrichte": "nachrichten",
        "nachricht": "nachricht", "isch": "ist", "falschi": "falsche", "nummere": "nummer",
        "i": "ich", "ihr": "ihr", "mr": "mir", "schriibe": "schreiben", "schribe": "schreiben",
        "schriib": "schreib", "schriibed": "schreibt", "alute": "anrufen", "losche": "loschen",
        "keene": "keine", "koane": "keine", "koa": "kein"
    },
)  # fmt: skip
