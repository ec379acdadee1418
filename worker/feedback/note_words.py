"""The words of notes in phone fields, by language. `field_notes` reads notes by them.

Patterns are over text in small letters without accents and apostrophes (`replies.text.normalize`);
they are brought into that form here, so they may be written as people write. Nobody has published
how people write this. The phrases are what agents' tools call their outcomes, and the usual ways of
saying so in the languages in which replies are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from worker.feedback.replies.names import GIVEN_NAMES
from worker.feedback.replies.text import normalize_pattern

NoteMeaning = Literal[
    "do_not_contact", "do_not_call", "do_not_text", "wrong_number", "disconnected"
]
Patterns = Mapping[NoteMeaning, Sequence[str]]


class Prohibition(NamedTuple):
    """How a language forbids: a negation, and behind it one or several of what is forbidden ("do
    not call or text"). `other`: what may stand in such a list and is none of ours."""

    negation: str
    call: str
    text: str
    contact: str
    other: str
    joint: str
    # Behind these negations, other words may stand before what is forbidden ("nicht vor 9 Uhr
    # anrufen"); not the words of `HARMLESS_GAP`.
    distant: str


PROHIBITIONS = (
    Prohibition(  # English
        r"do? ?(?:not|nt)(?: ever)?|do no|dont(?: ever)?|don t|d not|never(?: ever)?|no(?: more"
        r"| further)?"
        r"|not to(?: be)?|(?:should|must)(?: not|nt)(?: be)?|stop"
        r"|(?:ask|request|want|wish|prefer)(?:s|ed|es)?(?: us| me| that we)? (?:not to(?: be)?"
        r"|no(?: more)?|to stop)"
        r"|no longer (?:wants?|wishes)(?: to be| any)?"
        r"|(?:does not|doesnt|did not|didnt) (?:want|wish|like)(?: to be| to (?:receive|get)| any"
        r"| our| us to| you to)?",
        r"(?:(?:phone|sales|marketing|cold|unsolicited|telemarketing) )?(?:calls?|called|calling"
        r"|cals?|caal)"
        r"|(?<!no )(?<!stop )(?:phone|phoned|telephone)|rings?|ringing|dial|dialed|solicit\w*"
        r"|telemarket\w*"
        r"|robocalls?|cold ?call\w*",
        r"(?:text|txt|sms) (?:msgs?|messages?)|texts?|texting|texted|txts?|sms|message",
        r"(?:marketing|mktg|promo\w*|advert\w*)(?: (?:texts?|contact))?(?! calls?\b)|(?:phone "
        r"|telephone )?contact(?! (?:person|persons|lens|lenses|center|centre|info|details|name"
        r"|number|no)\b)|contacted|contacting|reach out(?: to)?|communicat\w+|disturb|disturbed"
        r"|bother|bothered|harass",
        r"e ?mails?|mails?|faxe?s?|voicemails?|visits?",
        r"or|and|nor|and or|any",
        r"do (?:not|nt)|dont|never|not to(?: be)?",
    ),
    Prohibition(  # German
        r"(?:bitte )?(?:nicht|nie|niemals)(?: mehr| wieder)?|keine?n?(?: weiteren?)?"
        r"|(?:wünscht|möchte|will|wollte|wünschen) (?:keine?n?|nicht)(?: mehr| weiteren?)?"
        r"|darf nicht(?: mehr)?"
        r"|nicht (?:per|via)",
        r"anrufen|angerufen|anrufe?|telefonieren|telefonisch|telefonanrufe?|werbeanrufe?|rückrufe?"
        r"|zurückrufen",
        r"(?:eine )?sms(?: (?:schicken|schreiben|senden))?|simsen|texten|whatsapp",
        r"kontaktieren|kontaktiert|kontakt|kontaktaufnahme|ansprechen|stören|werbung|behelligen",
        r"e ?mails?|mail|post|fax|besuche?|anschreiben|schreiben",
        r"oder|und|noch|bzw",
        r"nicht|nie|niemals|keine?n?",
    ),
    Prohibition(  # French
        r"ne (?:pas|plus|jamais|surtout pas)|(?:pas|plus|aucun)(?: de| d)?|jamais"
        r"|ne (?:veut|souhaite|desire) (?:pas|plus)(?: être| de| d)?|refuse(?: les| d être| d"
        r"| detre| tout)?"
        r"|refus(?: de| d)?",
        r"(?:r?appeler|téléphoner)|(?:d)?appels?|appelée?|téléphonique|dêtre appelée?|démarchée?"
        r"|démarcher|démarchage|joindre",
        r"sms|textos?|(?:envoyer )?(?:de |des )?(?:sms|textos?)",
        r"contacter|contactée?|contacts?|déranger|solliciter|sollicitation|importuner|communiquer",
        r"e ?mails?|mails?|courriels?|fax|courrier|écrire|sollicitation",
        r"ou|et|ni",
        r"ne (?:pas|plus)|jamais",
    ),
    Prohibition(  # Spanish
        r"(?:por favor )?no(?: volver a| se| me| le| la| les| lo)?|nunca|jamás|sin"
        r"|no (?:quiere|desea|acepta|autoriza)(?: que| recibir| ser| más)*(?: le| la| lo| les"
        r"| se le)?"
        r"|(?:pide|pidió|solicita|solicitó)(?: que)? no(?: le| la| lo| ser)?|ya no",
        r"llamar(?:le|la|lo|les)?|llamen?|llam[ae]d[ao]|llamadas(?: telefónicas)?|telefonear"
        r"|marcar",
        r"(?:enviar|envíen?|mandar|manden|enviarle|mandarle) (?:los )?(?:sms|mensajes?|textos?"
        r"|whatsapp)|sms|textear|mensajear",
        r"contactar(?:le|la|lo)?|contacten?|contactad[oa]|contacto|molestar|molesten|comunicarse"
        r"|importunar",
        r"e ?mails?|correos?|fax|escribir|publicidad",
        r"ni|o|y",
        r"no|nunca",
    ),
    Prohibition(  # Italian
        r"non|mai|niente|nessuna?|basta|no|non (?:vuole|desidera|gradisce)(?: più)?(?: essere"
        r"| ricevere)?"
        r"|chiede di non(?: essere)?",
        r"(?:ri)?chiamar(?:e|lo|la|mi)|chiamate(?: commerciali)?|chiamat[oa]|telefonar\w+"
        r"|telefonate",
        r"(?:inviare|mandare|invio) (?:di )?(?:sms|messaggi)|sms|messaggiare",
        r"contattar(?:e|lo|la|mi)|contattat[oa]|contatti|disturbare|disturbat[oa]|importunare",
        r"e ?mail|mail|fax|scrivere|posta|pubblicità",
        r"o|e|né|ne",
        r"non|mai",
    ),
    Prohibition(  # Portuguese
        r"(?:por favor )?não(?: me| lhe| o| a| voltar a| se)?|nunca(?: mais)?|jamais|sem"
        r"|não (?:quer|deseja|aceita|autoriza)(?: mais| que| ser| receber)*"
        r"|(?:pediu|pede|solicitou) (?:para |que )?não(?: ser)?",
        r"ligar|ligue|liguem|ligações|telefonar|telefonem|telefonemas|chamar"
        r"|chamadas(?: telefônicas| telefónicas)?|receber ligações",
        r"(?:enviar|envie|enviem|mandar|mande|mandem) (?:sms|mensage(?:m|ns)|torpedos?|whatsapp)"
        r"|sms|mensage(?:m|ns)",
        r"conta(?:c)?tar|conta(?:c)?tad[oa]|conta(?:c)?tem?|contatos?|contactos?"
        r"|entrar em conta(?:c)?to|incomodar|incomodem?|perturbar|perturbe|importunar",
        r"e ?mails?|fax|escrever|publicidade",
        r"nem|ou|e",
        r"não|nunca",
    ),
    Prohibition(  # Polish
        r"(?:proszę )?nie|(?:już |więcej )?nie(?: wolno| należy)?|bez|zakaz"
        r"|nie (?:chce|życzy sobie|wyraża zgody na|zgadza się na|wyraził zgody na"
        r"|wyraziła zgody na)|brak zgody na",
        r"(?:za|prze|od)?dzwoni(?:ć|enia|enie)|dzwoń|dzwońcie|telefonować|telefonów|telefony"
        r"|połączeń|połączenia",
        r"(?:wysyłać|słać|pisać) sms(?:ów|y|a|ami)?|sms(?:ów|y|a)?|esemesów|esemesować",
        r"kontaktować(?: się)?|kontaktu|kontakt|kontaktów|niepokoić|przeszkadzać|nękać|marketing"
        r"|reklam",
        r"e ?maili?|maili?|faksów|pisać",
        r"ani|lub|i|oraz|albo",
        r"nie",
    ),
    Prohibition(  # Russian
        r"(?:просьба |просит |просил |просила |просят |пожалуйста )?(?:больше )?не|никогда не|без"
        r"|нельзя"
        r"|отказ(?:ался|алась)? от|не (?:хочет|желает|согласен на|согласна на)",
        r"(?:по|пере)?звонить|(?:по)?звон(?:и|ите)|звонков|телефонировать|набирать|обзванивать"
        r"|обзвона",
        r"(?:от|при)?(?:слать|сылать|правлять|сылайте) (?:смс|sms|сообщени[яей])|смс|sms|смски"
        r"|(?:смс|sms) (?:не )?(?:слать|отправлять|писать)|писать смс",
        r"беспокоить|беспокойте|тревожить|контактировать|связываться|общения|рассылки|контактов"
        r"|рекламы",
        r"писать|почты|e ?mail",
        r"и|или|ни",
        r"не",
    ),
    Prohibition(  # Ukrainian
        r"(?:прохання |просить |просила |просив |будь ласка )?(?:більше )?не|ніколи не|без|не можна"
        r"|відмов(?:а|ився|илась|илася) від|не (?:хоче|бажає)",
        r"(?:по|пере)?дзвонити|(?:по)?дзвон(?:и|іть)|дзвінків|(?:за)?телефонувати|телефонуйте"
        r"|набирати",
        r"(?:над|від)?(?:силати|слати|правляти|надсилати) (?:смс|sms|повідомлен\w+)|смс|sms|(?:смс"
        r"|sms) (?:не )?(?:слати|надсилати|писати)|писати смс",
        r"турбувати|турбуйте|контактувати|звязуватися|звязуватись|спілкування|розсилки|реклами",
        r"писати|пошти|e ?mail",
        r"і|й|або|чи|ні",
        r"не",
    ),
)  # fmt: skip

_NUMBER_EN = (
    r"(?:phone |ph |tel |cell |mobile |contact |telephone )?(?:number|numbers|num|nbr|nr|nmbr|no)"
    r"|phone|ph|tel"
    r"|telephone|cell|cellphone|mobile|fone"
)
_NUMBER_DE = (
    r"(?:tel |telefon |handy )?(?:nummer|number|nr|num)|\w*nummer|\w{0,8}telefon|tel|durchwahl"
    r"|handynr|telnr|rufnr"
)
_NUMBER_FR = (
    r"(?:number|numéros?|numero|num|no|nr|n|tel|téléphone|portable|mobile)(?: (?:de )?(?:tel"
    r"|téléphone|portable))?"
)
_NUMBER_ES = (
    r"(?:number|números?|numero|num|no|nro|nr|n|tel|teléfono|tfno|tlf|tfn|cel|celular"
    r"|móvil)(?: (?:de )?(?:tel|teléfono|celular|móvil|contacto))?"
)
_NUMBER_IT = (
    r"(?:number|numero|num|no|nr|n|tel|telefono|cell|cellulare|recapito)(?: (?:di )?(?:tel"
    r"|telefono|cellulare))?"
)
_NUMBER_PT = (
    r"(?:number|número|numero|num|no|nr|n|tel|telefone|fone|celular|cel|telemóvel|contato"
    r"|contacto)(?: (?:de )?(?:tel|telefone|celular|contato))?"
)
_NUMBER_PL = r"(?:number|numer|numeru|nr|num|telefon|tel)(?: (?:tel|telefonu|kontaktowy))?"
_NUMBER_RU = r"(?:number|номера?|ном|тел|телефона?|контакт)(?: (?:тел|телефона))?"
_NUMBER_UK = r"(?:number|номера?|ном|тел|телефону?|контакт)(?: (?:тел|телефону))?"
_OF_SB_EN = r"(?:his|her|their|its|our|this|the|a|client s|clients)"
_IS_EN = r"(?: is| s)?"
_OUT_OF_USE_EN = (
    r"disconnected|disconnect|out of (?:service|svc|serv)|not (?:in|n) (?:service|svc|serv|use)"
    r"|no longer (?:in (?:service|svc|serv|use)|active|working|valid|works|exists|connected)"
    r"|not connected|inactive"
    r"|not (?:valid|active|working|functioning|functional|operational)|invalid|unallocated"
    r"|unobtainable|dead"
    r"|cut off|cancelled|canceled|discontinued|deactivated|does not (?:exist|work|ring)"
    r"|doesnt (?:exist|work|ring)"
)  # fmt: skip

# What stands between a negation and what it does not forbid: "do not hesitate to call".
HARMLESS_GAP = normalize_pattern(
    r"leave|hesitate|forget|be afraid|worry|mind|miss|answers?|zögern|vergessen|scheuen|erreicht"
    r"|erreichbar|da"
    r"|hésitez|hésiter|oubliez|oublier|répond|dude|duden|dudar|olvidar|olvide|contesta|responde"
    r"|está|atiende"
    r"|esitare|esiti|dimenticare|risponde|hesite|hesitar|esquecer|esqueça|atende"
    r"|wahać|wahaj|zapomnij|zapomnieć|odbiera|odpowiada|стесняйтесь|забыть|забудьте|забывать"
    r"|отвечает|берет"
    r"|вагайтеся|вагайтесь|забути|забудьте|відповідає|бере"
)

# Found anywhere in a note. It is clear if nothing but fillers stands beside it.
CLEAR: Patterns = {
    "do_not_contact": (
        r"opt\w{0,2} ?out", "unsubscribed?",
        r"removed? from (?:the |our |all )?(?:call(?:ing)? )?lists?",
        "requested no contact",
        r"(?:wants|refuses|refused|declined) (?:no|all|any|further)? ?contact",
        r"kontakt unerwünscht", r"kein kontakt (?:ge|er)wünscht", "не беспокоить", "не турбувати",
    ),
    "do_not_call": (
        "dnc", r"do ?(?:not|nt) ?calls?", "dont ?call",
        r"(?:refuses|refused|declines|declined|wants no) (?:all |any |our |phone |sales )?calls",
        r"anrufe? unerwünscht", r"keine anrufe (?:ge|er)wünscht",
    ),
    "do_not_text": ("dnt", "donottext", "dont ?(?:text|txt|sms)"),
    "wrong_number": (
        rf"(?:wrong|incorrect)(?: {_OF_SB_EN})? (?:{_NUMBER_EN}|person|party|guy|lady|individual"
        r"|patient|customer|client)",
        r"wrong ?(?:number|person)",
        rf"(?:{_NUMBER_EN}){_IS_EN} (?:wrong|incorrect|not correct|not right)",
        rf"not (?:{_OF_SB_EN} )?(?:right|correct) (?:{_NUMBER_EN}|person)",
        rf"(?:not|isnt|no longer|not longer|is not) (?:his|her|their) (?:{_NUMBER_EN})",
        r"belongs to (?:someone|somebody|some one) else",
        rf"falsche[rs]? (?:{_NUMBER_DE}|person|teilnehmer)", rf"(?:{_NUMBER_DE}) (?:ist )?falsch",
        "falsch verbunden",
        rf"(?:mauvaise?|fausse?|faux) (?:{_NUMBER_FR}|personne|interlocuteur)",
        rf"(?:{_NUMBER_FR}) (?:est )?(?:erroné|faux|incorrect|mauvais)",
        rf"(?:ce )?(?:nest )?(?:pas|plus) (?:son|le bon|leur) (?:{_NUMBER_FR})",
        r"erreur de (?:numéro|personne)",
        rf"(?:{_NUMBER_ES}|persona|contacto) (?:es |está )?(?:equivocad[oa]|erróne[oa]"
        r"|incorrect[oa])",
        rf"(?:ya )?no es (?:su|el) (?:{_NUMBER_ES})",
        rf"(?:{_NUMBER_IT}|persona|contatto) (?:è )?(?:sbagliat[oa]|errat[oa]|non corrett[oa]"
        r"|scorrett[oa])",
        rf"non (?:è )?(?:più )?(?:è )?il suo (?:{_NUMBER_IT})",
        rf"(?:{_NUMBER_PT}|pessoa) (?:está |é )?(?:errad[oa]|incorret[oa]|incorrect[oa])",
        rf"não é (?:mais )?(?:o )?(?:seu )?(?:{_NUMBER_PT}) del[ea]",
        rf"(?:zły|błędny|niepoprawny|niewłaściwy|nieprawidłowy|pomylony) (?:{_NUMBER_PL})",
        r"(?:zła|niewłaściwa) osoba",
        rf"(?:{_NUMBER_PL}) (?:jest )?(?:błędny|zły|niepoprawny|nieprawidłowy|niewłaściwy)",
        rf"(?:to )?nie (?:jego|jej|ich|ten) (?:{_NUMBER_PL})",
        rf"(?:не ?верный|не ?правильный|ошибочный|чужой) (?:{_NUMBER_RU})",
        rf"(?:{_NUMBER_RU}) (?:не ?верный|не ?правильный|ошибочный|чужой)",
        rf"не (?:тот|его|её|ее|их) (?:{_NUMBER_RU}|человек)", r"ошиблись номером",
        rf"(?:не ?вірний|не ?правильний|помилковий|чужий) (?:{_NUMBER_UK})",
        rf"(?:{_NUMBER_UK}) (?:не ?вірний|не ?правильний|помилковий|чужий)",
        rf"не (?:той|його|її|їх) (?:{_NUMBER_UK})", r"не та людина", r"помилились номером",
    ),
    "disconnected": (
        "disconnected", "disconnectd", r"(?:no longer|not) ?(?:in|n) ?(?:service|svc|serv)",
        r"out of (?:service|svc|serv)",
        rf"(?:{_NUMBER_EN}|line){_IS_EN} (?:has been |was )?(?:{_OUT_OF_USE_EN})",
        r"(?:invalid|bad|dead|disconnected|inactive|disconnect|nonworking|non working"
        rf"|not (?:a )?(?:valid|working)|no such) (?:{_NUMBER_EN}|line)",
        r"no such number", r"(?:does not|doesnt) exist", r"cannot be completed as dialed",
        r"cant be completed as dialed",
        r"kein anschluss(?: unter dieser (?:nummer|nr))?", "nicht vergeben",
        r"(?:außer|ausser) betrieb",
        rf"ungültige[rs]? (?:{_NUMBER_DE})",
        rf"(?:{_NUMBER_DE}) (?:ist )?(?:ungültig|tot|abgeschaltet|abgemeldet"
        r"|existiert nicht(?: mehr)?|nicht mehr (?:gültig|in betrieb|aktiv|vergeben))",
        r"nicht (?:mehr )?in betrieb", r"(?:existiert|geht|funktioniert) nicht mehr",
        r"existiert nicht", rf"tote (?:{_NUMBER_DE}|leitung)", r"anschluss abgemeldet",
        r"(?:anschluss|leitung) (?:tot|gesperrt)",
        "hors service", "(?:non|plus) attribué", r"plus en service",
        r"(?:nest|est) plus en service",
        rf"(?:{_NUMBER_FR}) (?:est )?(?:inexistant|invalide|non valide|résilié|coupé|désactivé)",
        r"nexiste (?:pas|plus)", r"ligne (?:coupée|résiliée)",
        r"fuera de (?:servicio|serv|svc)", r"no existe", "inexistente", r"no está en servicio",
        rf"(?:{_NUMBER_ES}) (?:está )?(?:desconectad[oa]|cortad[oa]|suspendid[oa]|cancelad[oa]"
        r"|inválid[oa]|no válid[oa]|(?:ya )?no (?:funciona|existe|está activo|válido)|de baja"
        r"|dado de baja|mal|malo|inexistente|inactivo)",
        rf"(?:mal|inválido) (?:{_NUMBER_ES})",
        r"non (?:più )?attiv[oa]", "inesistente", r"non esiste",
        r"(?:numero|num|tel|telefono|linea|utenza) (?:disattivat[oa]|cessat[oa]|staccat[oa]"
        r"|dismess[oa]|non valid[oa]|fuori servizio|scollegat[oa]|non funziona|non raggiungibile)",
        r"fuori servizio",
        r"não existe", r"fora de serviço",
        rf"(?:{_NUMBER_PT}) (?:está )?(?:inválid[oa]|desligad[oa]|desativad[oa]|cancelad[oa]"
        r"|inativ[oa]|não (?:existe|funciona|funciona mais))",
        r"(?:numer|nr|telefon) nie (?:istnieje|działa|odpowiada)", "nieaktywny",
        rf"(?:{_NUMBER_PL}) (?:jest )?(?:nieaktywny|wyłączony|odłączony|nieistniejący|zablokowany)",
        r"nie ma takiego numeru", r"nie istnieje", rf"nieistniejący (?:{_NUMBER_PL})",
        r"(?:номер )?не (?:обслуживается|существует)",
        rf"(?:{_NUMBER_RU}) (?:от)?(?:отключен|ключен|не работает|недоступен|не действует"
        r"|не действителен|недействителен|заблокирован|выключен)",
        r"нет такого номера", rf"несуществующий (?:{_NUMBER_RU})",
        r"(?:номер )?не (?:обслуговується|існує)",
        rf"(?:{_NUMBER_UK}) (?:відключений|відключено|не працює|недоступний|не дійсний|недійсний"
        r"|заблокований|вимкнений)",
        r"немає такого номера", rf"неіснуючий (?:{_NUMBER_UK})",
    ),
}  # fmt: skip

# A word for whom is not there; not what is missed: "no voicemail here".
_SOMEBODY = (
    r"(?!(?:voice ?mail|answer|reply|signal|service|reception|calls?|texts?|sms|contact|e ?mail"
    r"|parking|need|problem|more|longer|time|change|good|fax\w*|telefon\w*|téléphone|phone|mobil\w*"
    r"|handy|internet|wifi|anrufbeantworter|empfang|netz|répondeur|réseau|señal|segnale|sinal"
    r"|contestador|segreteria|poczty|zasięgu|связи|телефона|ответа|зв язку|телефону)\b)\w{2,}"
)
_GONE_EN = (
    rf"(?:{_NUMBER_EN})(?: has| is)? (?:changed|old|outdated|reassigned|no good|bad)"
    rf"|(?:changed|has (?:a )?new) (?:{_NUMBER_EN})|(?:no|not) (?:a )?good (?:{_NUMBER_EN})"
    r"|(?:left|no longer (?:with|at|works? (?:at|for|here|there))|not (?:with|at)) (?:the "
    r"|this )?(?:company|firm|number|business|job|here|there)"
    r"|no longer (?:works )?(?:here|there)|does(?: not|nt) (?:work|live) (?:here"
    r"|there)(?: anymore)?"
    r"|no one (?:here )?by that name|nobody (?:here )?by that name|no such person|(?:someone"
    r"|somebody) elses? (?:number|phone|cell)"
    r"|no longer has (?:this|that|the) (?:number|phone)|does(?: not|nt) have this (?:number|phone)"
    rf"|(?:fake|bogus|phony|false|dummy|made up|test) (?:{_NUMBER_EN})"
    rf"|not (?:a )?real (?:{_NUMBER_EN})|different person(?: answers| answered)?"
    rf"|(?:number|phone|it|this) was wrong|was (?:the )?wrong"
)  # fmt: skip
# Found anywhere in a note; whatever stands beside it, a person reads it.
DOUBTFUL: Patterns = {
    "do_not_contact": (
        "deceased", "passed away", r"(?:has |have |husband |wife |client |patient )?died",
        "verstorben", "gestorben",
        "décédée?", "fallecid[oa]", "falleció", "decedut[oa]", "falecid[oa]", "faleceu", "nie żyje",
        "zmarł[aoy]?", "умерл?а?", "скончал(?:ся|ась)", "помер(?:ла)?",
        r"(?:do not|dont|donot|never|not to) use(?: this)?", r"no longer use(?: this)?",
        r"nicht (?:mehr )?(?:verwenden|benutzen|nutzen)", r"ne (?:pas|plus) utiliser",
        r"no (?:usar|utilizar)", r"non (?:usare|utilizzare)", r"não (?:usar|utilizar)",
        r"nie używać", r"не использовать", r"не використовувати",
        r"cease (?:and|n) desist", r"litigat\w+", r"tcpa", r"threatened", r"legal threat",
        r"harass\w*", r"complaint filed",
        r"(?:sent|replied|texted|said|reply|replies|text) stop",
        r"stop (?:sent|received|request(?:ed)?)",
        r"werbe(?:sperre|widerspruch|verbot)", r"kontakt(?:sperre|verbot)", r"sperrvermerk",
        r"widersprochen", r"(?:hat )?widerspruch",
        r"désinscrite?", r"désabonnée?", r"opposition (?:au )?démarchage", r"refus de contact",
        r"dad[oa] de baja", r"cancellato dalla lista", r"disiscritt[oa]",
        r"registro (?:delle )?opposizioni", r"descadastrad[oa]", r"removido da lista",
        r"brak zgody", r"nie wyra(?:ża|ził|ziła) zgody",
        r"(?:cofnięta|cofnął|wycofał|wycofała) zgod[aęy]?", r"wypisan[ya]", r"отписал(?:ся|ась)",
        r"отписан[а]?", r"(?:в )?ч[её]рн(?:ый|ом) спис(?:ок|ке)", r"відписа(?:вся|лась|лася)",
        r"(?:у )?чорн(?:ий|ому) спис(?:ок|ку)",
        r"not to contact",
        r"(?:should|must|may|can|shall)(?: |)n(?:o)?t be (?:contacted|called|texted)",
        r"no (?:consent|permission)(?: to (?:call|contact|text))?",
        r"consent (?:withdrawn|revoked)", r"(?:withdrew|revoked|withdrawn|no) consent",
        r"gdpr(?: \w+)? (?:objection|erasure|request)", r"objected to",
        r"take (?:me |him |her |them )?off (?:the |your |our |my )?(?:call )?list",
        r"remove (?:this )?(?:number|phone|me|him|her)",
    ),
    "do_not_call": (
        r"calls? (?:not (?:permitted|allowed|accepted|wanted)|refused|unwanted|prohibited)",
        r"unwanted calls", r"(?:ok to call|call ok|can call) no",
        r"(?:does not|doesnt|will not|wont|not) (?:accept(?:ing)?|tak(?:e|ing)) (?:phone )?calls",
        r"(?:can|may|must|should|could|will)(?:not| not|t|nt) (?:be )?call(?:ed)?",
        r"(?:text|texts|sms|email|emails|e mail|mail) only",
        r"only (?:text|texts|sms|email|by email)", r"nur (?:per )?(?:sms|e ?mail|schriftlich)",
        r"(?:uniquement|seulement|que) (?:par )?(?:mail|sms|e ?mail|courriel|écrit)",
        r"(?:solo|solamente|sólo) (?:por )?(?:sms|mensajes?|correo|e ?mail|mail)",
        r"só (?:por )?(?:sms|mensage(?:m|ns)|e ?mail)", r"tylko (?:sms|mail|e ?mail|smsy)",
        r"только (?:смс|sms|почта|e ?mail|по почте)", r"тільки (?:смс|sms|пошта|e ?mail)",
        r"(?:tps|ctps|dncr|bloctel|robinson(?:liste)?)(?: registered| listed| list)?(?: |$)",
        r"lista robinson", r"anruf(?:sperre|verbot)", r"no (?:auto ?dialer|auto ?dialing)",
        r"zakaz (?:kontaktu|dzwonienia)",
        r"stop(?:ped)? calls?",
    ),
    "do_not_text": (
        r"(?:can|may|does|should|will)(?:not| not|t|nt) (?:be )?(?:receive |get )?(?:text|texts"
        r"|txt|sms|texted)",
        r"not textable", r"(?:calls?|voice) only",
        r"no (?:whats ?app|imessage|i message|messages|msgs?|message|msg)", r"texting stopped",
        r"do not whats ?app",
        r"(?:смс|sms) не (?:слать|отправлять|писать|слати|надсилати)", r"не отправлять смс",
    ),
    "wrong_number": (
        _GONE_EN,
        r"(?:bad|wrong|dead|invalid|old) (?:use|try)",
        rf"(?:no|not) (?:{'|'.join(sorted(GIVEN_NAMES))})(?: s)?",
        rf"(?:no|there ?i?s no) {_SOMEBODY} (?:here|at this (?:number|phone|address))",
        rf"there ?i?s no {_SOMEBODY}|(?:no one|nobody) (?:here )?(?:called|named)",
        rf"keine?[nr]? {_SOMEBODY} hier",
        rf"hier (?:ist|wohnt|arbeitet|gibt es) keine?[nr]? {_SOMEBODY}",
        rf"(?:pas de|aucune?) {_SOMEBODY} ici|ning[uú]n[ao]? {_SOMEBODY} aquí",
        rf"(?:aquí )?no (?:vive|trabaja) (?:aquí )?{_SOMEBODY}|aquí no (?:hay|está) {_SOMEBODY}",
        rf"nessuna? {_SOMEBODY} qui|qui non (?:c e|ce|abita) {_SOMEBODY}|nenhuma? {_SOMEBODY} aqui",
        rf"(?:nie ma tu|tu nie ma) {_SOMEBODY}|(?:здесь|тут) (?:нету?|нема[єе]?) {_SOMEBODY}",
        r"(?:war|ist) falsch",
        rf"(?:{_NUMBER_DE}) (?:war )?(?:stimmt nicht(?: mehr)?|nicht (?:mehr )?(?:korrekt|aktuell"
        r"|richtig))",
        rf"alte (?:{_NUMBER_DE})",
        r"nicht mehr (?:aktuell|gültig|im unternehmen|da|dort|in der firma)",
        r"gehört (?:jemand anderem|jemandem anders)",
        r"falsche[rn]? (?:ansprechpartner|kontakt|firma)", r"arbeitet nicht mehr (?:dort|hier|da)",
        rf"ancien (?:{_NUMBER_FR})", r"plus dans la (?:société|boîte)",
        r"ne (?:travaille|fait) plus (?:ici|partie)\w*", r"ne répond plus", r"mauvais contact",
        rf"(?:{_NUMBER_ES}) (?:antiguo|viejo|anterior|no corresponde)", r"no es la persona",
        r"(?:ya )?no trabaja (?:aquí|ahí|allí|más)", r"ya no (?:es|está)",
        rf"(?:vecchio (?:{_NUMBER_IT})|(?:{_NUMBER_IT}) vecchio)", r"non (?:è )?(?:più )?suo",
        r"non lavora più (?:qui|li|lì|là)",
        rf"(?:{_NUMBER_PT}) (?:antigo|velho)",
        r"não é (?:o número|dela|dele|mais dele|mais dela|a pessoa)",
        r"não trabalha mais (?:aqui|lá)?",
        rf"(?:stary|nieaktualny|dawny) (?:{_NUMBER_PL})",
        rf"(?:{_NUMBER_PL}) (?:nieaktualny|zmieniony|stary)", r"nie ma takiej osoby",
        r"(?:już )?nie pracuje", r"przeprowadził(?:a)? się",
        rf"(?:старый|неактуальный) (?:{_NUMBER_RU})",
        rf"(?:{_NUMBER_RU}) (?:не ?актуален|неактуальный|сменился|старый|изменился)",
        r"(?:больше |здесь больше )?не работает у нас", r"больше не работает",
        r"уволил(?:ся|ась)|уволена?", r"ошибка в номере",
        rf"(?:старий|неактуальний) (?:{_NUMBER_UK})",
        rf"(?:{_NUMBER_UK}) (?:не ?актуальний|змінився|старий)", r"(?:тут )?більше не працює",
        r"звільни(?:вся|лась|лася)",
    ),
    "disconnected": (
        r"(?:temporarily|temp) disc(?:onnected)?",
        r"no longer (?:in use|active|works|working|valid|used|connected)", r"not in use",
        r"unreachable", r"not reachable", r"cant be reached(?: at this number)?", r"fast busy",
        r"nicht erreichbar", r"injoignable", r"non raggiungibile", r"вне зоны",
    ),
}  # fmt: skip

# Counts only if nothing but fillers stands beside it.
WHOLE: Patterns = {
    "do_not_contact": ("stop", r"stop ?all", "unsub(?:bed)?"),
    "wrong_number": (
        "wrong", "incorrect", "wn", "falsch", r"mauvais", "faux", "erroné", "equivocad[oa]",
        "erróneo", "incorrecto", "sbagliato", "errato", "errado", "incorreto", "błędny",
        "nieprawidłowy", "неверный", "неправильный", "невірний", "неправильний", "ошибочный",
        "помилковий",
    ),
    "disconnected": (
        "disc", "disco", "discd", "nis", "oos", "invalid", "inactive", "disconnect", "dead",
        "not connected", "unallocated", "ungültig", "invalide", "inexistant", "desconectad[oa]",
        "disattivat[oa]", "desativad[oa]", "inativo", "nieaktywny", "недействителен",
        "недействительный", "недійсний", "отключен", "відключений",
    ),
}  # fmt: skip
WHOLE_DOUBTFUL: Patterns = {
    "do_not_contact": (
        "nie", "nein", "não", "нет", "ні", "stopped", r"remove(?: from database)?", "dnd", "dcd",
        r"black ?list(?:ed)?", "rip",
        r"decd", r"c and d", "gesperrt", "abgemeldet", "opposition", r"liste rouge", "baja",
        "de baja", "rezygnacja", "отказ", "відмова", "чс", "opposizione", "tot", "morto", "nosign",
        r"не писать", r"не писати", r"nie pisać", r"no escribir", r"non scrivere",
        r"nicht schreiben", "покойный",
    ),
    "do_not_text": (r"not textable", r"(?:texts?|sms) no"),
    "do_not_call": (r"calls? no",),
    "wrong_number": (
        "bad", r"wrong (?:contact|company|business)",
        rf"(?:old|former|previous|outdated|obsolete) (?:{_NUMBER_EN})", "reassigned",
        r"(?:someone|somebody) elses", "not correct",
        "not (?:valid|good|real|right|his|hers|theirs)", "no good",
        "no longer (?:good|his|hers|theirs)", "moved(?: away)?", "stranger", "outdated", "obsolete",
        r"out of date", "fake", "bogus", "dummy", r"left(?: company| job| firm)?",
        r"wrong info", r"bad contact info", "stimmt nicht(?: mehr)?",
        r"nicht (?:mehr )?(?:korrekt|aktuell|richtig)", "veraltet", r"(?:umgezogen|verzogen)",
        "erreur", "parti", "déménagé", r"no corresponde", r"se mudó", r"non corretto",
        r"trasferito", r"mudou(?: se)?", r"não pertence", "nieaktualn[yea]", "pomyłka",
        r"не ?актуален", "неактуальный", "неактуальний", r"не ?актуальний", "чужой", "чужий",
        "переехал[а]?", "переїха(?:в|ла)", r"не тот",
    ),
    "disconnected": (
        "not active", r"doesnt ring", "not working", "non ?working", r"does(?: not|nt) work",
        "suspended", "cancelled", "canceled", "discontinued", r"(?:switched|turned|cut|phone) off",
        "nu", "hs", "résilié", "coupé", "non valide", r"ne fonctionne (?:pas|plus)",
        r"funktioniert nicht", r"geht nicht(?: mehr)?", r"gibt es nicht", "cortado", "suspendido",
        "cancelado", r"(?:ya )?no (?:funciona|válido)", "inválido", r"sin servicio", r"no da línea",
        r"non (?:valido|funziona|funzionante|in servizio)", "disattivo", "staccato", "dismesso",
        "cessato", r"não (?:funciona|atende mais)", "desligado", r"nie (?:działa|odpowiada)",
        "wyłączony", "odłączony", "rozłączony",
        r"не (?:работает|действует|действителен|дійсний|працює)", "заблокирован", "заблокований",
        "недоступен", "недоступний", "выключен", "вимкнений", "nieistniejący", "zablokowany",
    ),
}  # fmt: skip

# Words beside a phrase that do not change what it says.
FILLERS = frozenset(
    normalize_pattern(
        "a again and any anymore as asked at ats bitte by cell client clients contact contacts "
        "cust customer customers direct do ever fax favor for from gracias h he her him his home "
        "i is it its landline line list m main me merci mob mobile more nr num number of "
        "office on or over par patient per ph phone please pls plz por prosze r ref request "
        "requested "
        "requests s see she so svp tel telephone that the them they this to uk us usa w we work x "
        "ext jan feb mar apr jun jul aug sep sept oct nov dec january february march april june "
        "july august september october november december пожалуиста будь ласка all any under our "
        "your since eff effective req person yes y true oui ja si sim tak да так operator allowed "
        "permitted accepted "
        "national federal state registry registered listed mehr dieser bei nbr stop verified "
        "confirmed "
        "note notes alert warning attn attention important agent rep caller per said says owner "
        "más mas mais piu plus više wiecej ich sie ihn er es pan pani клиент клиента клиенту "
        "el la le los las de del il lo un una o os as um uma se je cliente kunde kundin client "
        "klient "
        "email mail emails anymore nosign really "
        "больше більше номер тел телефон nummer numero numer telefon telefono telefone"
    ).split()
)  # fmt: skip

# Fillers that may as well be a part of a name beside a single word: "stop by", "NIS office".
PARTS_OF_NAMES = frozenset(
    "a and by more direct for from in m main me n office on or over person "
    "r s see so stop to uk us usa w we x y any the the un una o e el la le os as il lo".split()
)

# Words in which a slip is seen ("disconected", "do not contcat"), in the form of `normalize`.
KEY_WORDS = frozenset(
    normalize_pattern(
        "contact contacted calls called calling number wrong person disconnected disconnect "
        "service "
        "unsubscribe unsubscribed incorrect invalid deceased working "
        "anrufen kontaktieren nummer falsche vergeben erreichbar verstorben ungültige "
        "appeler contacter numéro mauvais incorrect inexistant "
        "llamar contactar equivocado erróneo incorrecto servicio desconectado fallecido "
        "chiamare contattare numero sbagliato errato inesistente telefonare "
        "telefonar contatar inexistente "
        "dzwonić kontaktować numer błędny nieaktywny nieprawidłowy "
        "звонить номер неверный неправильный существует обслуживается "
        "дзвонити телефонувати невірний неправильний існує обслуговується"
    ).split()
)
# Words one letter beside these, which mean something else.
OTHER_WORDS = frozenset(
    normalize_pattern(
        "contract contracts contacts compact callings caller callers cells cell call numbers "
        "numbered "
        "number lumber prong wrongs personal persons person's parson services serviced server "
        "nummern appel appels llama llamas llame llamen llamada chiamate chiamata numeri numera "
        "mauvaise fausse falsches falscher falschen invalide invalida invalido inválid valid "
        "walking "
        "incorrecta incorreto incorrecto equivocada errada errado errata sbagliata inesistenti "
        "телефонует звонит звоните звонил дзвонить дзвоніть номера номере номеру неверная невірна "
        "numery numeru disconnects colling culling galling calles calle calla calls"
    ).split()
)
# All words that stand in the tables: none of them is a slip of another one.
KNOWN_WORDS = frozenset(
    word
    for patterns in (
        *(prohibition for prohibition in PROHIBITIONS),
        *(p for table in (CLEAR, DOUBTFUL, WHOLE, WHOLE_DOUBTFUL) for p in table.values()),
        GIVEN_NAMES,
    )
    for pattern in patterns
    for word in re.findall(r"[^\W\d_]+", normalize_pattern(pattern))
).union(FILLERS, OTHER_WORDS)
