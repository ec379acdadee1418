"""Words by language: the common ones that tell languages apart, and those that people mistype.

All are in the form in which `text.normalize` leaves them: small letters, no accents (and so "й" is
"и" here), no apostrophes.
"""

from __future__ import annotations

# Words that people use in nearly every message of a language; several languages may share one.
COMMON_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": """
            i you the a to and is it of in that this for on my your me we he she they not do dont
            im its are was have has be been with at from or so no yes ok please thanks text
            texting call calling number wrong message messages who what when where how why will
            can just know get got if but u ur r am did didnt cant wont isnt all up out by about
            there here now again anymore any more person phone list off remove never our as her
            his him them an one want need take sorry hi hello hey unsubscribe somebody someone
            thats youve ive thank see come go late later today tomorrow meeting
        """,
        "es": """
            el la los las un una de del que y en no me mi se es por para con su sus lo le te tu yo
            ya mas pero como si soy esta este esto ese esa numero mensajes mensaje favor quiero
            gracias hola usted ustedes nadie aqui hay tengo nunca dejen deje basta telefono llamen
            llamar escriban persona equivocado equivocada tiene quien estoy al porque cuando muy
            nos les ha he son otra otro hoy manana bien alto baja borren molesten
        """,
        "fr": """
            le la les un une de du des que et en ne pas plus je vous tu nous il elle on me moi mon
            ma mes ce cette ces cest est sur pour par avec votre vos svp merci bonjour arretez
            numero messages message personne jai suis qui quoi dans au aux si mais veuillez nest
            avez etes faux mauvais erreur jamais tres bien oui non deja sa son ses te ton ta arret
            stp puis demain aujourdhui
        """,
        "de": """
            der die das ein eine einen ich sie du ihr wir er es und ist nicht kein keine mehr mir
            mich bitte von zu mit auf fur im in den dem des nummer falsche falsch nachrichten
            nachricht hier habe hab haben sind bin war wer was wie wo warum aber auch noch schon
            nur dass wenn an aus bei nach uber euch ihnen ihre eure meine mein jetzt ja nein danke
            hallo nie wieder lasst lassen hor horen ruhe loschen sms heute morgen kann konnen
            ned net nid kei isch
        """,
        "pt": """
            o a os as um uma de do da dos das que e em nao no na me meu minha se por para com
            voce voces vc vcs eu ele ela isso este esse esta essa aqui mais nem sou tem ja pare
            parem numero errado errada mensagens mensagem favor obrigado obrigada quero ninguem
            pessoa ligar ligue engano quem onde quando mas muito bem sim foi ser sair deixem deixa
            seu sua pra pro hoje amanha tenho estou ao pelo
        """,
        "it": """
            il lo la i gli le un una di del della che e in non mi ti si ci vi per con su da al
            questo questa numero sbagliato sbagliata messaggi messaggio basta piu sono sei siete
            avete ho ha hai grazie ciao prego favore chi cosa dove quando perche ma anche mio mia
            voglio nessuno persona lei lui io tu noi voi qui ora adesso se come bene oggi domani
            suo sua nella mandate chiamate scrivete smettetela
        """,
        "pl": """
            nie to sie na do z ze w i jest prosze mnie mi moj moja ja pan pani wiecej juz tak ale
            co kto jak gdzie kiedy dlaczego czy o po za od numer numeru zly pomylka wiadomosci sms
            dziekuje dzieki dzien dobry jestem mam ma sa byl byla tego ten ta te tu tutaj nikt
            nigdy przestancie usun usuncie pisz piszcie dzwon dzwoncie osoba zeby dla ode dzis
            jutro bo bez
        """,
        "ru": """
            и в не на я что это с вы мне меня у по но за от как так все он она они мы ты же бы уже
            больше еще если или нет да ваш ваши этот номер номером сообщения смс пожалуиста
            спасибо здравствуите кто где когда почему хватит пишите звоните такои такого нету
            ошиблись сеичас сегодня завтра можно надо нужно
        """,
        "uk": """
            і й та в у не на я що це з ви мені мене по але за від як так усі він вона вони ми ти ж
            би вже більше ще якщо чи або немає нема ваш ваші цеи номер номером повідомлення смс
            будь ласка дякую добрии хто де коли чому годі досить пишіть дзвоніть такого помилились
            зараз сьогодні завтра можна треба
        """,
    }.items()
}

# Words on which a reading turns, and which are looked for behind a typing error.
KEY_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": """
            stop unsubscribe unsubscribed remove removed delete wrong number texting texts message
            messages messaging calling contact contacting cancel please person subscription list
            receive consent interested anymore sending bothering harassing
        """,
        "es": """
            equivocado equivocada numero mensajes mensaje cancelar eliminar eliminen borren
            persona llamen escriban molesten manden envien dejen suscripcion desuscribir
            desuscribirme quiero recibir llamarme
        """,
        "fr": """
            arretez arreter desabonner desinscrire desinscription numero mauvais messages supprimez
            personne contactez contacter appelez envoyez recevoir erreur trompez
        """,
        "de": """
            abmelden abbestellen nachrichten nummer falsche falsch loschen aufhoren keine werbung
            bitte kontaktieren anrufen schreiben verwahlt austragen entfernen stoppen
        """,
        "pt": """
            parem numero errado errada mensagens mensagem cancelar remover descadastrar
            descadastre engano pessoa enviem mandem liguem receber
        """,
        "it": """
            cancellatemi cancellami numero sbagliato sbagliata messaggi smettetela smettete persona
            chiamate scrivete mandate contattate disiscrivermi ricevere rimuovetemi
        """,
        "pl": """
            przestancie wypisz wypisac pomylka numer wiadomosci piszcie dzwoncie usuncie rezygnuje
            prosze wysylac kontaktowac
        """,
        "ru": """
            отписаться отпишите отписка хватит прекратите перестаньте сообщения ошиблись номером
            номер пишите звоните удалите присылаите пожалуиста рассылки рассылку уберите
        """,
        "uk": """
            відписатися відпишіть відписка припиніть перестаньте повідомлення помилились номером
            номер пишіть дзвоніть видаліть надсилаите розсилки розсилку
        """,
    }.items()
}

# Real words one letter from a key word (and inflections of one) that must not become it.
REAL_WORDS = frozenset("""
    shop step top atop stopped stopping stops spot slop strop stomp stoop stow store story stock
    strong wring wrung prong throng lumber slumber numbers cumber member number
    testing tests test next taxes taxi massage massages massaging passage passages manage managing
    falling balling walking talking calling caller mailing sailing failing filling killing pulling
    contract contracts contacts contracting contain content contest context concert
    cancer cancels cancelled candle camel pleased pleas pleasure plead lease release prison
    persons parson personal peasant removes remote removal remover moved movie delete deleted
    deletes list lost last lists lift lit fist mist gist receiver received receives recipe relieve
    content consented interest interests interesting disinterested sender sanding spending sending
    lending mending bending landing sensing bothered brothering harassed
    numeros numeral numerosa humero mensual equivoco persianas personas personal personne
    cancela cancelas cancelado eliminado borran borrar borre llaman llamar llame llamado lleven
    escriben escribir escriba molestan molestar molestia mandan mandar mande envian enviar enviado
    dejan dejar deje queden dejaren quiera quiere quieres recibo recibir recibi recibido
    arrete arretes arreter arrives arriver mauvaise mauvaises message messager personnel
    personnes supprimer contacte contacter appeler appelle appels envoyer envoye envoie recevoir
    recevez recevais erreurs terreur trompe tromper trompette
    nummern sommer kummer immer falsches falscher falschen faltsche flasche flaschen taschen
    tasche keiner keines keinem deine meine seine feine kleine reine beine leine bitten bitter
    bette mitte bleiben schreibe schreibt schriebe schreiber anruf anrufe anrufer stoppt
    melden anmelden abgemeldet bestellen horen aufhort fallen entfernt entfernung
    paremos param parar parece parede errada errados erra mensagem mensal cancela cancelado
    enganar enganei pessoas envie envia enviar mande manda mandar ligue liga ligar recebe recebi
    recebido
    sbagliate sbagliati sbagliare messaggio persone personale chiamata chiamare scrivere scrivo
    mandare mandato contatto contatti ricevuto
    numery numeru numerem wiadomosc pisze piszesz dzwonie dzwonic prosi prosba prosty
    сообщение сообщению номера номеру номере пишите пишете пишет звонит звоните хватает хватило
    удалить отписался ошибка ошибся номеров
    subscribe subscribed subscribes subscriber subscribing resubscribe subscriptions prescription
    description abonner abonne inscrire inscription inscris anmelden anmeldung suscribir
    suscribirme suscripciones cadastrar cadastro iscrivermi zapisz zapisac подпишите подписка
    подписаться подпишись підпишіть підписатися підписка описка
    повідомлен номера номеру пишете пише дзвоните помилка
    """.split())  # fmt: skip
