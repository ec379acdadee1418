"""Italian."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_DO = (
    "(?:mand(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|invi(?:ate|i|"
    "ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato|ate|are)|scriv(?:ete|a|ano|"
    "iate|ere|er|ermi|endo|etemi|imi|i)|chiam(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|"
    "ami|a|arlo|ata|ato)|contatt(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|"
    "ata|ato)|disturb(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|"
    "telefon(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|"
    "infastid(?:ite|ire|ir|irmi|endo|itemi|isca)|molest(?:ate|i|ino|iate|are|ar|armi|arci|ando|"
    "atemi|ateci|ami|a|arlo|ata|ato)|assill(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|"
    "ami|a|arlo|ata|ato)|sped(?:ite|ire|irmi|itemi|isca)|romp(?:ete|ere|ermi|a|i)|torment(?:ate|"
    "i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|spamm(?:ate|i|ino|iate|are|"
    "ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|cerc(?:ate|are|armi|atemi|ando)|"
    "stress(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato)|"
    "importun(?:ate|i|ino|iate|are|ar|armi|arci|ando|atemi|ateci|ami|a|arlo|ata|ato))"
)
_THINGS = (
    "(?:messaggi|messaggio|sms|messaggini|chiamate|telefonate|mail|email|e mail|pubblicita|spam|"
    "offerte|promozioni|notifiche|comunicazioni|newsletter|avvisi|contatti|promo|whatsapp)"
)
_MY = (
    "(?:(?:il )?mio (?:numero|telefono|cellulare|contatto|nome|nominativo)|questo (?:numero|"
    "telefono|cellulare)|i miei dati)"
)

LANGUAGE = Language(
    code="it",
    exact_opt_out="""
        fermare|ferma|fermati|fermatevi|basta|basta cosi|ora basta|cancella|cancellami|cancellare
        cancellatemi|cancellarmi|cancellazione|annulla|annullare|disiscrivi|disiscrivimi
        disiscrizione|disiscrivermi|rimuovi|rimuovimi|rimuovetemi|rimuovere|rimozione|smettere
        smettila|smettetela|smetti|smettete|disattiva|disattivare|esci|non disturbare
        non disturbate|non disturbatemi
        basta sms|basta messaggi|stop sms|disdire|disdetta|non voglio|non voglio piu|mai piu
        lasciatemi in pace|revoca|revoco|cancellatemi subito|finitela|finiscila|non piu|eliminare
        eliminami|eliminatemi|bloccare
    """,
    politeness=(
        "arrivederci|addio|per favore|perfavore|per piacere|grazie mille|mille grazie|grazie|ciao|salve|buongiorno|buonasera|ok|"
        "si|subito|ora|adesso|scusi|scusa|scusate|cortesemente|gentilmente|immediatamente|prego|"
        "cordiali saluti|vi prego|la prego"
    ),
    declines=r"""
        no|no grazie|grazie no|non serve|non mi serve|non ne ho bisogno
        (?:(?:a me|la cosa) )?non (?:mi|ci) (?:interessa|interessano)(?: affatto| per niente| più)?|(?:io )?non (?:sono|siamo) (?:più |affatto )?interessat[oaie](?: a (?:questo|nulla))?
        (?:nessun|zero|alcun) interesse|non ho (?:nessun |alcun )?interesse|senza interesse
        mai più
        (?:io )?non mi (?:sono|ero) (?:mai )?(?:iscritt[oa]|registrat[oa]|abbonat[oa])(?: a (?:questo|nulla|niente))?
        (?:io )?non ho (?:mai )?(?:dato|prestato|espresso) (?:il |alcun |nessun |il mio )?(?:consenso|permesso|autorizzazione)|non autorizzo (?:questa|queste|le vostre|i vostri|la vostra) (?:chiamata|chiamate|messaggi|telefonate)
        non (?:chiamare|contattare|disturbare|scrivere|inviare|insistere)(?:mi|ci)?(?: più)?
        siete (?:insopportabili|fastidiosi|pesanti|molesti|assillanti)|che (?:fastidio|pesanti)|avete (?:rotto|stancato|stufato)
        (?:ti|vi|la|lo|li) (?:blocco|bloccherò|sto bloccando)|bloccat[oaie]
        (?:annullare|disdire|cancellare|annullate|disdite|cancellate) (?:la mia |la |il mio |il |l)?(?:iscrizione|abbonamento|liscrizione|labbonamento)
        (?:ti|vi|la|lo) ho (?:già )?(?:segnalat|denunciat)[oaie]|(?:siete|sei) stat[oaie] (?:segnalat|denunciat)[oaie]|(?:il vostro |il tuo |questo )?numero (?:è stato |è )?(?:segnalato|denunciato)
        (?:è |questa è |questo è |che |sa di )?(?:una |solo una |un |la solita )?(?:truffa|fregatura|frode|raggiro|imbroglio)|(?:siete )?(?:dei |degli |solo )?(?:truffatori|imbroglioni|ladri)
        (?:chiamo|chiamerò|avviso|avverto|chiamiamo|sto chiamando|ora chiamo) (?:la polizia|i carabinieri|le forze dell ?ordine)|(?:vi|ti|la) (?:denuncio|segnalo)
        (?:mi|ci) (?:chiamate|scrivete|mandate|contattate)(?: \w+)? (?:sempre|ogni giorno|di continuo|continuamente|tutti i giorni|troppo|in continuazione)|(?:continuate|continui|continua) a (?:chiamarmi|scrivermi|mandarmi|contattarmi|chiamare|scrivere)(?: \w+){0,2}
    """,
    exact_opt_in="inizia|iniziare|riprendi|iscrivimi",
    call_words="chiam|telefon",
    opt_in=(
        r"(?:reiscrivetemi|reiscrivimi|iscrivetemi|riscrivetemi in lista)(?: di nuovo)?",
        r"(?:voglio|vorrei) (?:ricominciare a ricevere|ricevere di nuovo|reiscrivermi)(?: \w+){0,3}",
    ),
    weak_wrong_number=(
        r"sono (?:suo|sua|la|il) (?:moglie|marito|fratello|sorella|figlio|figlia|madre|padre|compagn[oa]|segretaria)",
        r"(?:decedut\w|mort\w|mancat\w|scompars\w|non e piu tra noi|non c e piu purtroppo|venut\w a mancare|passat\w a miglior vita)",
        r"(?:e|siamo|qui e) (?:un|una|il|la|uno|l) ?(?:numero (?:aziendale|fisso|di lavoro)|azienda|negozio|ufficio|ditta|studio|hotel|ristorante|scuola|attivita)(?: \w+)?",
        r"chi (?:e|sei|parla|scrive|siete)(?: (?:lei|tu|costui))?$",
        r"(?:nuov\w) (?:proprietari\w|intestatari\w|titolare)",
    ),
    opt_out=(
        r"non (?:vi|ti|la|li) (?:voglio|vogliamo|vorrei) (?:mai )?(?:piu )?(?:sentire|vedere)",
        r"essere (?:tolt|cancellat|rimoss|eliminat|disiscritt|depennat)\w (?:dalla|dalle|dal|dai|da) (?:vostra |vostre |questa |tua |sua )?(?:\w+ )?(?:lista|liste|rubrica|database|elenco)",
        r"non (?:voglio|vogliamo|desidero|vorrei|intendo) (?:piu )?essere (?:ri)?(?:contattat|chiamat|disturbat|cercat|sentit)\w",
        r"lascia(?:te)?(?:mi|ci) (?:stare|perdere)",
        r"(?:chiest|dett|scritt)\w (?:di|che) non (?:piu )?(?:mi |ci )?(?:chiam|scriv|contatt|mand|disturb|telefon)\w+",
        r"consenso (?:e )?(?:revocato|ritirato|annullato)",
        r"(?:toglie|cancella|rimuove|elimina|leva|depenna)(?:te)?(?:mi|teci)? (?:dalla|dalle|dal|da) (?:vostra |vostre |questa |tua |sua )?(?:\w+ )?(?:lista|liste|rubrica|database|elenco)",
        r"(?:dimentic|cancell|perd|elimin)\w+ il mio numero",
        r"prefer\w+ non (?:ricevere|essere)(?: \w+){0,3}|(?:esigo|chiedo|richiedo|"
        r"pretendo) (?:la |il )?(?:cancellazione|rimozione|eliminazione|"
        r"disiscrizione)(?: \w+){0,4}",
        rf"(?:smett\w+|basta|finit\w+|fin\w+|stop|piantat\w+|piantal\w+|cessa\w*|ferma\w*|"
        rf"evita\w*|interromp\w+) (?:subito |ora |per favore |di |con |a |gli |le |i |questi |"
        rf"queste |il |la |tutti |tutte |ogni )*(?:{_DO}|{_THINGS})(?:mi|ci)?(?: \w+)?",
        rf"non (?:mi |ci |voglio che |desidero che |voglio |desidero |vogliate |devi |dovete |"
        rf"deve |si permetta )*(?:piu |mai )?(?:essere |ricevere )?{_DO}(?:mi|ci|te|"
        rf"temi)? ?(?:\w+ ){{0,3}}?(?:piu|mai piu|mai|di nuovo|ancora)(?: \w+)?",
        r"non (?:mi|ci) (?:mandi|mandate|mandare|inviate|invii|inviare|scrivete|scriva|"
        r"scrivere|chiamate|chiami|chiamare|contattate|contatti|contattare|disturbate|"
        r"disturbi|disturbare|telefonate|telefoni|infastidite|cercate|importunate|molestate|"
        r"rompete)(?! (?:adesso|ora|oggi|domani|prima|dopo|a questora|di sera|la sera|cosi))",
        r"non (?:mandate|inviate|scrivete|chiamate|contattate|disturbate|mandare|inviare|"
        r"scrivere|chiamare|contattare|telefonate|mandar|disturbar|inviar|contattar|chiamar|"
        r"scriver|telefonar)(?:mi|ci|temi)? ?(?:piu|mai piu|mai|questo numero|a questo numero|"
        r"altri|nulla|$)(?: \w+)?",
        rf"(?:non|mai) (?:voglio|desidero|intendo|vorrei|vogliamo|ho autorizzato|autorizzo|"
        rf"ho chiesto|ho richiesto|acconsento|mi serve|ho dato|gradisco|accetto|"
        rf"ho mai chiesto)(?: (?:piu|altri|altre|a|che|di|ricevere|essere|avere|questi|queste|"
        rf"i vostri|le vostre|vostri|vostre|nessun\w*|mi|ci|il|la|alcun\w*|nulla|sentire|mai|"
        rf"ulteriori|consenso|mai piu|le|gli|i)){{0,5}} (?:{_THINGS}|{_DO}|contattat\w|"
        rf"disturbat\w|ricevere\w*|iscritt\w|chiamat\w|niente|nulla|da voi|vostre|consenso)",
        r"non (?:voglio|desidero|intendo|vorrei) (?:piu )?(?:ricevere|ricevere piu|"
        r"essere contattat\w|essere disturbat\w|sentirvi|ricevere nulla|"
        r"riceverne)(?: \w+){0,2}",
        rf"(?:niente|nessun\w*|basta(?: con)?|mai piu|non piu|stop(?: a| ai| agli|"
        rf" alle)?) (?:piu |con |i |gli |le |questi |queste |altri |altre |vostri |"
        rf"altro )*{_THINGS}",
        rf"(?:cancell\w+|elimin\w+|rimuov\w+|togli\w+|tolga\w*|tolgano|dimentic\w+|perd\w+|"
        rf"blocc\w+|leva\w*) (?:per favore |subito |immediatamente )?{_MY}",
        r"(?:cancella|cancellate|rimuovi|rimuovete|togli|togliete|elimina|eliminate|"
        r"disiscrivi|disiscrivete|toglie|toglier|leva|levate|rimuover|cancellar|eliminar|"
        r"disiscriver|depenna|depennate)(?:mi|ci|temi)\b(?: \w+){0,4}|mi (?:cancell\w+|"
        r"tolg\w+|rimuov\w+|elimin\w+|disiscriv\w+|lev\w+)",
        r"(?:voglio|vorrei|desidero|chiedo|richiedo|"
        r"esigo) (?:di )?(?:che mi )?(?:essere )?(?:cancell\w+|disiscriv\w+|rimoss\w|"
        r"rimozione|la cancellazione|la rimozione|tolt\w|eliminat\w|disdire\w*|"
        r"annullare (?:l )?iscrizione|smettere di ricevere|non essere|non ricevere|"
        r"uscire dalla)",
        r"(?:lascia\w*|lasci\w*) (?:mi |ci )?in pace|lasciatemi (?:stare|perdere)|(?:vai|"
        r"andate|vada|va) (?:a quel paese|al diavolo|a cagare|affanculo|a fanculo)|vaffanculo|"
        r"fanculo|sparite|non rompete\w*|non rompere\w*",
        r"(?:revoc\w+|ritir\w+) (?:il |il mio |mio |ogni |qualsiasi )?(?:consenso|"
        r"autorizzazione|permesso)|registro (?:delle |pubblico delle )?opposizioni|"
        r"mi oppongo(?: \w+){0,4}",
        r"non (?:sono|mi) interess\w+ (?:e )?(?:per favore )?(?:non|cancell|smett|rimuov|"
        r"basta|togli)\w*|(?:vi )?ho gia (?:detto|chiesto|scritto) (?:\w+ ){0,3}(?:basta|"
        r"smettere|non|stop|cancell\w+)",
        r"annull\w+ (?:la |l |mia )*(?:iscrizione|sottoscrizione)|disiscri\w+|disdi\w+ (?:il |"
        r"questo )?(?:servizio sms|abbonamento)",
    ),
    wrong_number=(
        r"non e piu (?:il )?(?:mio|nostro) (?:numero|telefono|cellulare)",
        r"sono (?:il|la) nuov\w (?:proprietari\w|intestatari\w|titolare)(?: \w+){0,4}",
        r"(?:cercando|cerca|cercate|cerchi) (?:qualcun altr\w|un ?altra persona|qualcuno altro)",
        r"numero (?:ora |adesso |ormai )?(?:e|appartiene)(?: ora| adesso)? (?:di |a |"
        r"d )*(?:un ?altra persona|qualcun altro|un altro)|messaggio non (?:e|sia|era) per me",
        r"(?:numero|persona|contatto|destinatario|telefono) (?:e )?(?:sbagliat\w|errat\w|"
        r"non corrett\w)(?! (?:d\w+ (?:ordine|fattura)|sull|nell))|sbagliato (?:numero|"
        r"persona)|sbagliat\w (?:persona|numero)",
        r"(?:ha|hai|avete|hanno|sta|stai|state|si|ti|vi|credo che|penso che|avra|avrai|deve|"
        r"devi|dovete) (?:\w+ )?(?:sbaglia\w*|sbagliando|sbagliat\w|errat\w|confus\w|"
        r"confondendo|sbagliato (?:numero|persona)|aver sbagliato|avere sbagliato|"
        r"equivocato)(?: \w+)?|vi siete sbagliat\w|si e sbagliat\w|ti sei sbagliat\w|"
        r"vi state sbagliando|c e un errore di persona|ce un errore di persona|"
        r"errore di persona",
        r"(?:questo|questa|il|quello|ormai|qui)?(?: numero| telefono| cellulare)? ?non (?:e|"
        r"e piu|appartiene|appartiene piu|corrisponde|corrisponde piu) (?:piu )?(?:il |al |a |"
        r"suo |la |quello |del |di )*(?:numero|telefono|cellulare|suo|lui|lei|persona|"
        r"signor\w*|numero di|giusto|titolare)(?! (?:d ordine|dordine))",
        r"non sono (?:io |la |il |quella |questa |quel |lui |lei |chi |il signor |"
        r"la signora )+(?:\w+ ?){0,4}|non sono io$|non e la persona|non sono chi",
        r"non (?:conosco|conosciamo|so chi sia|so chi e) (?:nessun\w*|questa persona|"
        r"questo signore|questa signora|chi|quella persona|quel nome|questo nome|nessuno con|"
        r"lui|lei)?(?: \w+){0,3}",
        r"(?:qui|a questo numero|in questo numero) non (?:c e|ce|abita|vive|lavora|esiste|"
        r"risponde)(?: \w+){0,3}|non (?:abita|vive|lavora)(?: piu)? (?:qui|con noi|da noi|"
        r"per noi|in azienda|in questa)|non (?:abita|vive|lavora) piu|ha lasciato l ?azienda|"
        r"non fa piu parte",
        r"non (?:c e|ce|esiste|ci sono) (?:nessun\w*|persone|alcun\w*)(?: persona|"
        r" qui)? (?:con (?:questo|quel) nome|di nome|che si chiam\w+|chiamat\w|con tale nome)",
        r"(?:ha|hanno) cambiato (?:il |suo |il suo )?(?:numero|telefono|cellulare)|"
        r"ha (?:un )?(?:altro|nuovo) (?:numero|cellulare)",
        r"(?:ho (?:appena |da poco |recentemente )?(?:preso|acquistato|comprato|ricevuto|"
        r"avuto|attivato)) (?:questo|questa) (?:numero|scheda|sim|linea)|(?:ho|uso|"
        r"possiedo) questo numero (?:da|dal|dall|ormai da|solo da)(?: \w+)*|"
        r"questo numero (?:e mio|ora e mio|adesso e mio|e stato riassegnato|era di|"
        r"mi e stato)(?: \w+)*|numero (?:e stato )?riassegnato",
        r"(?:\w+) non (?:usa|ha|utilizza|possiede) piu (?:questo|il) (?:numero|telefono|"
        r"cellulare)|(?:chiam|mand|scriv|invi)\w+ (?:\w+ ){0,3}(?:numero|persona) sbagliat\w",
        r"(?:precedente|vecchio|ex) (?:proprietari\w|intestatari\w|titolare)|(?:e|"
        r"era) per (?:un altro|un altra|unaltra|qualcun altro|altra persona)|non (?:e|"
        r"era) per me|(?:cerc\w+|vol\w+) (?:un altra|unaltra|qualcun altr\w) ?(?:persona)?|"
        r"un altra persona|unaltra persona",
        r"(?:sono|e|sta parlando con) un ?altra persona|(?:suo|il) vecchio numero(?: di)?|"
        r"era il numero d",
        r"mi sa che (?:ha|hai|avete) sbagliato|non sta parlando con|non e (?:qui|lui|lei) che",
        r"non mi chiamo|non e il mio nome|il mio nome non e",
    ),
    complaint=(
        r"(?:segnal|denunc)(?:o|iamo|ero|eremo|are|iare|ier\w+|alero|alo)\w* (?:\w+"
        r" ){0,3}(?:a|al|alla|all|ai|presso) ?(?:il |la )?(?:\w+ )?"
        r"(?:garante|polizia|agcom|carabinieri|autorita|guardia|privacy|procura)",
        r"(?:vi|ti|la) (?:denuncio|denuncero|denunceremo|querelo|querelero|faccio causa)"
        r"|sporg\w+ (?:denuncia|querela)",
        r"(?:questo|questa|queste|questi) (?:e|sono) (?:una )?(?:molestia|molestie|stalking"
        r"|persecuzione)|mi state (?:molestando|perseguitando)",
        r"(?:il )?mio (?:avvocato|legale) (?:vi|ti|la|si|sara) (?:\w+ ){0,3}(?:contatt\w*"
        r"|informat\w*)$|sentirete il mio avvocato",
    ),
    corrected=(
        r"(?:cambierò|cambieremo|sto cambiando|devo cambiare|sto per cambiare|cambio) (?:il )?(?:mio )?numero|il mio numero (?:cambia|cambierà|sta cambiando)|(?:aggiornare|modificare|cambiare) il mio numero",
        r"(?:il )?mio (?:nuovo |vero )?(?:numero|cellulare) (?:nuovo |corretto |giusto"
        r" )?(?:ora |adesso )?e (?:ora |adesso )?(?:il |lo )?\d[\d ]{3,}",
        r"(?:us\w+|chiam\w+|scriv\w+|contatt\w+) (?:\w+ ){0,3}(?:il|al|allo|lo|sul)"
        r" (?:numero )?\d[\d ]{5,}",
        r"il numero (?:giusto|corretto|nuovo) e (?:il |lo )?\d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:questo|si) (?:e )?(?:ancora |sempre )?(?:il )?mio numero|(?:il )?numero (?:e"
        r" )?(?:giusto|corretto)(?:$| grazie| si)",
        r"(?:ho|uso) (?:ancora|sempre) (?:questo|lo stesso) numero",
    ),
    uncertain=(
        r"^basta (?:mandar|inviar|scriver|chiamar|spedir)\w* (?:il|la|lo|un|una|i|gli|le)\b",
        r"non (?:voglio|vorrei|desidero|vogliamo|intendo) (?:essere |smettere |che mi )?(?:cancell|disiscri|rimoss|eliminat|disdire|annull|di ricevere|togli)\w*|(?<!se )(?<!perche )non (?:mi )?(?:cancell|disiscriv|rimuov|elimin|togli)(?:ate|atemi|armi|ete|etemi|ermi|i|a|e|eteci)\b",
        r"lista d ?attesa|in copia|dalla copia|dal(?:la|l)? ?(?:riunione|invito|agenda|squadra|polizza)",
        r"ancora (?:il|la|lo|i|gli|le|l\w+|nulla|niente)\b|per ora|al lavoro",
        r"(?:il )?mio (?:numero|nome|indirizzo|cognome) (?:e|era) (?:\w+ )?(?:sbagliat\w|errat\w)",
        r"(?:taglia|data|giorno|ora|orario|indirizzo|colore|ordine|porta|piano|misura|prodotto|strada|treno) (?:\w+ )?(?:sbagliat\w|errat\w)|sbagliat\w (?:la |il |l )?(?:taglia|data|giorno|ora|indirizzo|colore|ordine|porta|strada)",
        r"(?:messaggi|sms|chiamate) (?:va bene|vanno bene|ok)|ma (?:gli )?(?:sms|messaggi) (?:vanno bene|si)",
        r"(?:sto guidando|in riunione|a lezione|sto dormendo|batteria)",
        r"non mi (?:chiami|scrivi|rispondi) mai",
        r"non (?:ho|abbiamo|mi e|mi sono|e) (?:ancora )?(?:ricevut\w|arrivat\w|vist\w|trovat\w)|non (?:ricevo|arriva|vedo)",
        r"non (?:e|hai|ha|avete|hai affatto) (?:il |un |numero )?(?:sbagliat\w|errat\w)|(?:ho|"
        r"abbiamo) (?:\w+ ){0,4}(?:sbagliat\w|errat\w)|mi sono sbagliat\w|(?:messo|dato|"
        r"lasciato|inserito|scritto) (?:\w+ ){0,3}(?:sbagliat\w|errat\w)",
        r"numero (?:d ?ordine|dell ordine|dellordine|della fattura|di fattura|del conto|"
        r"della pratica|di serie|di tracking|cliente)",
        r"(?:annull\w+|cancell\w+|disdi\w+|spost\w+|elimin\w+) (?:l |il |la |un |una |mio |"
        r"mia |questo |questa |quell |per )*(?:appuntamento|lappuntamento|ordine|lordine|"
        r"prenotazione|riunione|visita|consegna|contratto|viaggio|account|laccount|servizio|"
        r"abbonamento palestra|polizza)",
        r"non (?:smett\w+|cancell\w+|ferma\w*|rimuov\w+|disiscriv\w+|voglio (?:disiscriver\w+|"
        r"cancellar\w+|smettere|che smett\w+))|senza smettere",
        r"(?:piuttosto|preferisco|solo|soltanto|meglio|invece) (?:un|una|per|via|via mail|"
        r"mail|con|messaggio|sms|whatsapp|chiam\w+|scriv\w+|telefon\w+|su)|(?:via|per|"
        r"tramite) (?:mail|email|e mail|whatsapp|sms|messaggio) (?:grazie|per favore|"
        r"piuttosto|invece|solo)|(?:sull|all) altro (?:numero|cellulare)|allaltro numero",
        r"(?:adesso no|ora no|oggi|domani|fino a|prima d\w+|dopo le|di sera|la sera|"
        r"la mattina|di notte|cosi (?:tardi|presto)|a questora|a quest ora|mentre|al lavoro|"
        r"per ora|per il momento|la domenica|in riunione)",
        r"(?:fermata|alla fermata) (?:d|a)\w+|fine (?:settimana|mese|anno|del|della)|"
        r"basta (?:che|cosi poco|solo|un|chiamare|cliccare)|mi ferm\w+|ci ferm\w+|ferma (?:il|"
        r"la|qui|li)|non (?:mi )?(?:basta|smette)",
        r"se (?:e|ho|fosse|non e|questo|hai|sbaglio)(?: \w+){0,4} (?:sbagliat\w|numero|"
        r"errat\w)|(?:il )?mio nuovo numero|nuovo numero e|ho cambiato numero",
        r"(?:lui|lei|bambin\w|cane|pioggia) non (?:smette|la smette|si ferma)",
    ),
    asks_how=(
        r"come (?:posso |faccio (?:a |ad |per )|si fa (?:a |ad |per )|si |mi |devo (?:fare (?:per )?)?){0,2}(?:esc|usc|cancell|togli|lev|blocc|ferm|elimin|disdi|annull|disiscr)\w*(?: (?:da|dalla|dalle|la|le|questa|questo|questi|vostra|i|il|gli|mi|mio|numero|vostri)){0,4} (?:lista|liste|messagg\w+|sms|iscrizione|abbonamento|pubblicita|spam)",
        r"^come (?:posso |faccio a |si fa a |si |mi )?(?:annull\w+|disdic\w+|disdire|disdett\w+|disiscriv\w+|cancell\w+|blocc\w+)(?: (?:questo|tutto|vi|questa))*$",
    ),
    weak=(
        r"basta|smett\w+|cancell\w+|disiscri\w+|numero sbagliato|sbagliat\w|persona sbagliata|"
        r"non mi (?:chiam|scriv|contatt|disturb|interess)\w*|spam|denunci\w+|molest\w+|"
        r"avvocato|rimuov\w+|non sono interessat\w|chi e \w+|decedut\w|mort\w|stop|"
        r"come avete avuto|privacy",
    ),
    question_starts=(
        "e questo|questo e|e il(?! numero sbagliat)|e giusto|ho sbagliato|sbaglio|"
        "come (?:faccio|posso|mi|si)|posso|"
        "devo|sei|siete|lei e|cosa succede|e possibile sapere"
    ),
    request_starts=(
        r"(?:posso|potrei|possiamo|potremmo) (?:per favore |cortesemente )?essere |"
        r"(?:puo|potete|potresti|potreste|potrebbe|puoi|possono|vuole|volete) (?:per favore |"
        r"cortesemente |gentilmente )*(?:smett|cancell|rimuov|togli|non|lasci|eliminar|finir|"
        r"disiscriv)\w*|quante volte (?:devo|ve)|la smettete|la finite|la smetti|la vuoi smettere"
    ),
    denials=(
        r"(?:idea di|non so) chi (?:sia|[eè])",
        r"non sono",
        r"(?:questo|qui|quello)? ?non [eè](?: pi[uù])?(?: il (?:numero|telefono|cellulare) d[ie](?:l|lla)?| il signor| la signora)?",
        r"non conosco (?:nessun|nessuna|alcun|alcuna)", r"non appartiene(?: pi[uù])? a(?:l|lla)?",
        r"(?:qui )?non (?:c'?[eè]|abita|vive)(?: nessun| nessuna)?", r"non mi chiamo",
    ),
    no_such_person=(r"nessun", r"nessuna", r"non c'?[eè]"),
    abbreviations={
        "nn": "non", "num": "numero", "tel": "telefono", "cell": "cellulare", "msg": "messaggi",
        "x": "per", "xfavore": "per favore", "ke": "che", "cmq": "comunque", "grz": "grazie",
        "pls": "per favore", "sn": "sono", "qsto": "questo", "c": "c"
    },
)  # fmt: skip
