"""What the recipient's page says, in the languages in which it can be read.

Address people formally in all of them. No native speaker has read the translations yet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Translation:
    """`{company}` and `{number}` are filled in."""

    name: str  # of the language, in itself
    title: str
    asks: str
    asks_by: str  # with the company's name
    yes: str
    no: str
    stop: str
    correct: str
    new_number: str
    hint: str
    send: str
    bad_number: str
    thanks: str
    thanks_yes: str
    thanks_no: str
    thanks_stop: str
    thanks_new: str
    again: str
    gone: str
    gone_why: str
    too_often: str
    choose: str
    language: str
    privacy: str
    stop_call: str
    stop_text: str
    thanks_stop_call: str
    thanks_stop_text: str
    unavailable: str
    unavailable_why: str


TRANSLATIONS: dict[str, Translation] = {
    "en": Translation(
        "English", "Is this your number?", "We have this phone number on file:",
        "{company} has this phone number on file:", "Yes, this is me", "I am not this person",
        "Do not contact me", "I have a different number", "Your number",
        "With the country code, for example +1 415 555 0123", "Send my number",
        "We cannot read this phone number. Please enter it with its country code.",
        "Thank you", "We have noted that this number is yours.",
        "We have noted that this number does not belong to the person we were trying to reach. "
        "We are sorry.",
        "We have noted that you do not want to be contacted at this number.",
        "We have noted your number. We will check it before we use it.", "Change my answer",
        "This link is no longer valid", "It has expired, or our records have changed. "
        "Please ask the sender for a new link, or reply to their message.",
        "This link has been answered too many times today. Please come back tomorrow.",
        "Please choose an answer", "Language",
        "We use your answer only for this number. This page sets no cookies and does not track "
        "anybody.",
        stop_call="Do not call me",
        stop_text="Do not text me",
        thanks_stop_call="We have noted that you do not want to be called at this number.",
        thanks_stop_text="We have noted that you do not want to be texted at this number.",
        unavailable="Please come back later",
        unavailable_why="Something failed on our side, and your answer may not have been saved. "
        "Please try again in a few minutes, or reply to the message that you "
        "received.",
    ),
    "es": Translation(
        "Español", "¿Es este su número?", "Tenemos registrado este número de teléfono:",
        "{company} tiene registrado este número de teléfono:", "Sí, soy yo", "No soy esa persona",
        "No me contacten", "Tengo otro número", "Su número",
        "Con el prefijo del país, por ejemplo +34 612 345 678", "Enviar mi número",
        "No podemos leer este número de teléfono. Escríbalo con el prefijo del país.", "Gracias",
        "Hemos anotado que este número es suyo.",
        "Hemos anotado que este número no es de la persona que buscábamos. Disculpe la molestia.",
        "Hemos anotado que no desea que le contactemos en este número.",
        "Hemos anotado su número. Lo comprobaremos antes de usarlo.", "Cambiar mi respuesta",
        "Este enlace ya no es válido", "Ha caducado, o los datos han cambiado. "
        "Pida un enlace nuevo a quien se lo envió o responda a su mensaje.",
        "Este enlace se ha respondido demasiadas veces hoy. Vuelva mañana, por favor.",
        "Elija una respuesta", "Idioma",
        "Su respuesta se usa solo para este número. Esta página no usa cookies ni rastrea a nadie.",
        stop_call="No me llamen",
        stop_text="No me envíen mensajes de texto",
        thanks_stop_call="Hemos anotado que no desea que le llamemos a este número.",
        thanks_stop_text="Hemos anotado que no desea recibir mensajes de texto en este número.",
        unavailable="Vuelva más tarde, por favor",
        unavailable_why="Algo ha fallado por nuestra parte y puede que su respuesta no se haya "
        "guardado. Inténtelo de nuevo dentro de unos minutos o responda al "
        "mensaje que recibió.",
    ),
    "fr": Translation(
        "Français", "Est-ce votre numéro ?",
        "Nous avons ce numéro de téléphone dans nos fichiers :",
        "{company} a ce numéro de téléphone dans ses fichiers :", "Oui, c'est moi",
        "Je ne suis pas cette personne", "Ne me contactez plus", "J'ai un autre numéro",
        "Votre numéro", "Avec l'indicatif du pays, par exemple +33 6 12 34 56 78",
        "Envoyer mon numéro",
        "Nous ne pouvons pas lire ce numéro. Écrivez-le avec l'indicatif du pays.", "Merci",
        "Nous avons noté que ce numéro est le vôtre.",
        "Nous avons noté que ce numéro n'est pas celui de la personne recherchée. Veuillez nous "
        "excuser.", "Nous avons noté que vous ne souhaitez plus qu'on vous contacte à ce numéro.",
        "Nous avons noté votre numéro. Nous le vérifierons avant de l'utiliser.",
        "Changer ma réponse", "Ce lien n'est plus valable",
        "Il a expiré, ou les données ont changé. "
        "Demandez un nouveau lien à l'expéditeur ou répondez à son message.",
        "Ce lien a reçu trop de réponses aujourd'hui. Revenez demain, s'il vous plaît.",
        "Choisissez une réponse", "Langue",
        "Votre réponse ne sert qu'à ce numéro. Cette page n'utilise pas de cookies et ne suit "
        "personne.",
        stop_call="Ne m'appelez plus",
        stop_text="Ne m'envoyez plus de SMS",
        thanks_stop_call="Nous avons noté que vous ne souhaitez plus qu'on vous appelle à ce "
        "numéro.",
        thanks_stop_text="Nous avons noté que vous ne souhaitez plus recevoir de SMS à ce numéro.",
        unavailable="Revenez plus tard, s'il vous plaît",
        unavailable_why="Un problème est survenu de notre côté, et votre réponse n'a peut-être "
        "pas été enregistrée. Réessayez dans quelques minutes ou répondez au "
        "message reçu.",
    ),
    "de": Translation(
        "Deutsch", "Ist das Ihre Nummer?", "Wir haben diese Telefonnummer gespeichert:",
        "{company} hat diese Telefonnummer gespeichert:", "Ja, das bin ich",
        "Ich bin nicht diese Person", "Kontaktieren Sie mich nicht", "Ich habe eine andere Nummer",
        "Ihre Nummer", "Mit Ländervorwahl, zum Beispiel +49 1512 3456789", "Nummer senden",
        "Diese Telefonnummer können wir nicht lesen. Bitte geben Sie sie mit Ländervorwahl ein.",
        "Vielen Dank", "Wir haben notiert, dass dies Ihre Nummer ist.",
        "Wir haben notiert, dass diese Nummer nicht der gesuchten Person gehört. Bitte "
        "entschuldigen Sie die Störung.",
        "Wir haben notiert, dass Sie unter dieser Nummer nicht kontaktiert werden möchten.",
        "Wir haben Ihre Nummer notiert. Wir prüfen sie, bevor wir sie verwenden.",
        "Antwort ändern", "Dieser Link gilt nicht mehr",
        "Er ist abgelaufen, oder die Angaben haben sich geändert. "
        "Bitten Sie den Absender um einen neuen Link oder antworten Sie auf seine Nachricht.",
        "Dieser Link wurde heute zu oft beantwortet. Bitte kommen Sie morgen wieder.",
        "Bitte wählen Sie eine Antwort", "Sprache",
        "Wir verwenden Ihre Antwort nur für diese Nummer. Diese Seite setzt keine Cookies und "
        "verfolgt Sie nicht.",
        stop_call="Rufen Sie mich nicht an",
        stop_text="Schicken Sie mir keine SMS",
        thanks_stop_call="Wir haben notiert, dass Sie unter dieser Nummer "
        "nicht angerufen werden möchten.",
        thanks_stop_text="Wir haben notiert, dass Sie unter dieser Nummer "
        "keine SMS erhalten möchten.",
        unavailable="Bitte kommen Sie später wieder",
        unavailable_why="Bei uns ist ein Fehler aufgetreten. Ihre Antwort wurde vielleicht nicht "
        "gespeichert. Bitte versuchen Sie es in einigen Minuten noch einmal "
        "oder antworten Sie auf die Nachricht, die Sie erhalten haben.",
    ),
    "pt": Translation(
        "Português", "Este número é seu?", "Temos este número de telefone registado:",
        "{company} tem este número de telefone registado:", "Sim, sou eu", "Não sou essa pessoa",
        "Não me contactem", "Tenho outro número", "O seu número",
        "Com o indicativo do país, por exemplo +351 912 345 678", "Enviar o meu número",
        "Não conseguimos ler este número. Escreva-o com o indicativo do país.", "Obrigado",
        "Registámos que este número é seu.",
        "Registámos que este número não é da pessoa que procurávamos. Pedimos desculpa.",
        "Registámos que não quer que o contactemos neste número.",
        "Registámos o seu número. Vamos verificá-lo antes de o usar.", "Mudar a minha resposta",
        "Este link já não é válido", "Expirou, ou os dados mudaram. "
        "Peça um novo ao remetente ou responda à mensagem dele.",
        "Este link já recebeu demasiadas respostas hoje. Volte amanhã, por favor.",
        "Escolha uma resposta", "Idioma",
        "A sua resposta serve apenas para este número. Esta página não usa cookies nem rastreia "
        "ninguém.",
        stop_call="Não me telefonem",
        stop_text="Não me enviem SMS",
        thanks_stop_call="Registámos que não quer receber chamadas neste número.",
        thanks_stop_text="Registámos que não quer receber SMS neste número.",
        unavailable="Volte mais tarde, por favor",
        unavailable_why="Algo falhou do nosso lado e a sua resposta pode não ter sido guardada. "
        "Tente de novo dentro de alguns minutos ou responda à mensagem que "
        "recebeu.",
    ),
    "it": Translation(
        "Italiano", "Questo numero è suo?", "Abbiamo registrato questo numero di telefono:",
        "{company} ha registrato questo numero di telefono:", "Sì, sono io",
        "Non sono questa persona", "Non contattatemi", "Ho un altro numero", "Il suo numero",
        "Con il prefisso internazionale, per esempio +39 312 345 6789", "Invia il mio numero",
        "Non riusciamo a leggere questo numero. Lo scriva con il prefisso internazionale.",
        "Grazie",
        "Abbiamo annotato che questo numero è suo.",
        "Abbiamo annotato che questo numero non è della persona cercata. Ci scusiamo.",
        "Abbiamo annotato che non desidera che la contattiamo a questo numero.",
        "Abbiamo annotato il suo numero. Lo verificheremo prima di usarlo.",
        "Cambia la mia risposta", "Questo link non è più valido",
        "È scaduto, oppure i dati sono cambiati. "
        "Chieda un nuovo link al mittente o risponda al suo messaggio.",
        "Questo link ha ricevuto troppe risposte oggi. Torni domani, per favore.",
        "Scelga una risposta", "Lingua",
        "La sua risposta vale solo per questo numero. Questa pagina non usa cookie e non traccia "
        "nessuno.",
        stop_call="Non chiamatemi",
        stop_text="Non inviatemi SMS",
        thanks_stop_call="Abbiamo annotato che non desidera ricevere chiamate a questo numero.",
        thanks_stop_text="Abbiamo annotato che non desidera ricevere SMS a questo numero.",
        unavailable="Torni più tardi, per favore",
        unavailable_why="Qualcosa non ha funzionato da parte nostra e la sua risposta potrebbe "
        "non essere stata salvata. Riprovi tra qualche minuto o risponda al "
        "messaggio che ha ricevuto.",
    ),
    "pl": Translation(
        "Polski", "Czy to Pani/Pana numer?", "Mamy zapisany ten numer telefonu:",
        "{company} ma zapisany ten numer telefonu:", "Tak, to ja", "Nie jestem tą osobą",
        "Proszę się ze mną nie kontaktować", "Mam inny numer", "Pani/Pana numer",
        "Z numerem kierunkowym kraju, na przykład +48 512 345 678", "Wyślij mój numer",
        "Nie możemy odczytać tego numeru. Prosimy podać go z numerem kierunkowym kraju.",
        "Dziękujemy", "Zapisaliśmy, że to Pani/Pana numer.",
        "Zapisaliśmy, że ten numer nie należy do osoby, której szukaliśmy. Przepraszamy.",
        "Zapisaliśmy, że nie życzy sobie Pani/Pan kontaktu pod tym numerem.",
        "Zapisaliśmy Pani/Pana numer. Sprawdzimy go, zanim go użyjemy.", "Zmień odpowiedź",
        "Ten link jest już nieważny", "Wygasł albo dane się zmieniły. "
        "Proszę zwrócić się do nadawcy o nowy link albo odpowiedzieć na jego wiadomość.",
        "Na ten link odpowiedziano dziś zbyt wiele razy. Prosimy wrócić jutro.",
        "Proszę wybrać odpowiedź", "Język",
        "Odpowiedź dotyczy tylko tego numeru. Ta strona nie używa ciasteczek i nikogo nie śledzi.",
        stop_call="Proszę do mnie nie dzwonić",
        stop_text="Proszę nie wysyłać mi SMS-ów",
        thanks_stop_call="Zapisaliśmy, że nie życzy sobie Pani/Pan telefonów pod tym numerem.",
        thanks_stop_text="Zapisaliśmy, że nie życzy sobie Pani/Pan SMS-ów pod tym numerem.",
        unavailable="Prosimy wrócić później",
        unavailable_why="Po naszej stronie wystąpił błąd i odpowiedź mogła nie zostać zapisana. "
        "Prosimy spróbować ponownie za kilka minut albo odpowiedzieć na "
        "otrzymaną wiadomość.",
    ),
    "ru": Translation(
        "Русский", "Это ваш номер?", "У нас записан этот номер телефона:",
        "У {company} записан этот номер телефона:", "Да, это я", "Я не этот человек",
        "Не связывайтесь со мной", "У меня другой номер", "Ваш номер",
        "С кодом страны, например +7 912 345-67-89", "Отправить мой номер",
        "Мы не можем прочитать этот номер. Напишите его с кодом страны.", "Спасибо",
        "Мы записали, что это ваш номер.",
        "Мы записали, что этот номер не принадлежит тому, кого мы искали. Приносим извинения.",
        "Мы записали, что вы не хотите, чтобы с вами связывались по этому номеру.",
        "Мы записали ваш номер. Мы проверим его, прежде чем использовать.",
        "Изменить ответ", "Эта ссылка больше не действует",
        "Срок её действия истёк, или данные изменились. "
        "Попросите отправителя прислать новую ссылку или ответьте на его сообщение.",
        "На эту ссылку сегодня отвечали слишком часто. Пожалуйста, вернитесь завтра.",
        "Выберите ответ", "Язык",
        "Ответ касается только этого номера. Эта страница не использует cookie и никого не "
        "отслеживает.",
        stop_call="Не звоните мне",
        stop_text="Не присылайте мне СМС",
        thanks_stop_call="Мы записали, что вы не хотите, чтобы вам звонили по этому номеру.",
        thanks_stop_text="Мы записали, что вы не хотите получать СМС на этот номер.",
        unavailable="Пожалуйста, вернитесь позже",
        unavailable_why="У нас произошёл сбой, и ваш ответ, возможно, не сохранён. Попробуйте "
        "ещё раз через несколько минут или ответьте на полученное сообщение.",
    ),
    "uk": Translation(
        "Українська", "Це ваш номер?", "У нас записано цей номер телефону:",
        "У {company} записано цей номер телефону:", "Так, це я", "Я не ця людина",
        "Не зв'язуйтеся зі мною", "У мене інший номер", "Ваш номер",
        "З кодом країни, наприклад +380 50 123 45 67", "Надіслати мій номер",
        "Ми не можемо прочитати цей номер. Напишіть його з кодом країни.", "Дякуємо",
        "Ми записали, що це ваш номер.",
        "Ми записали, що цей номер не належить тому, кого ми шукали. Вибачте за незручності.",
        "Ми записали, що ви не хочете, щоб з вами зв'язувалися за цим номером.",
        "Ми записали ваш номер. Ми перевіримо його, перш ніж використовувати.",
        "Змінити відповідь", "Це посилання більше не діє",
        "Термін його дії минув, або дані змінилися. "
        "Попросіть відправника надіслати нове посилання або дайте відповідь на його повідомлення.",
        "На це посилання сьогодні відповідали надто часто. Будь ласка, поверніться завтра.",
        "Оберіть відповідь", "Мова",
        "Відповідь стосується лише цього номера. Ця сторінка не використовує cookie і нікого не "
        "відстежує.",
        stop_call="Не телефонуйте мені",
        stop_text="Не надсилайте мені СМС",
        thanks_stop_call="Ми записали, що ви не хочете, щоб вам телефонували за цим номером.",
        thanks_stop_text="Ми записали, що ви не хочете отримувати СМС на цей номер.",
        unavailable="Будь ласка, поверніться пізніше",
        unavailable_why="У нас стався збій, і вашу відповідь, можливо, не збережено. Спробуйте "
        "ще раз за кілька хвилин або дайте відповідь на отримане повідомлення.",
    ),
}  # fmt: skip


def language_of(asked: str, accepts: str) -> str:
    """The language of a page: what was asked for, else the first that the browser accepts.

    >>> language_of("", "pt-BR,pt;q=0.9,en;q=0.8"), language_of("de", "fr"), language_of("", "ja")
    ('pt', 'de', 'en')
    """
    if asked in TRANSLATIONS:
        return asked
    wanted: list[tuple[float, str]] = []
    for part in accepts[:400].split(","):
        name, _, rest = part.strip().partition(";")
        try:
            quality = float(rest.partition("q=")[2] or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, name.partition("-")[0].lower()))
    return next(
        (name for _, name in sorted(wanted, key=lambda w: w[0]) if name in TRANSLATIONS), "en"
    )
