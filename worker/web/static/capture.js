/* Phone Hygiene: warns whoever fills in a form of a mistyped phone number, before they send it.
   It never holds a form up: it hears no submit, marks no field invalid, and is silent where
   anything goes wrong. How to include it: docs/capture.md. */
(function () {
  "use strict";

  var script = document.currentScript || document.querySelector("script[data-key^='hygpub_']");
  if (!script || !window.fetch || !window.AbortController || !window.Map) return;
  var base = new URL(script.src, location.href).origin;
  var options = script.dataset;
  if (!options.key) return;

  var WAIT = 900; // ms after the last key until a number is looked at, where the field is not left
  var LONGEST = 3000; // ms that an answer may take; after that nobody waits for it
  var POLLS = 3; // times that a late answer is asked for
  var LEAST = 5; // digits from which on it is worth asking
  var KNOWN = 30; // answers that are kept, so that nothing is asked twice

  // What each language says: too short, too long, no country code, something else, a suggestion.
  var TEXTS = {
    en: ["This phone number seems too short.", "This phone number seems too long.",
      "Please begin with + and the country code.", "Please check this phone number.",
      "Did you mean {number}?"],
    es: ["Este número de teléfono parece demasiado corto.",
      "Este número de teléfono parece demasiado largo.",
      "Empiece con + y el código del país.", "Compruebe este número de teléfono.",
      "¿Quiso decir {number}?"],
    fr: ["Ce numéro de téléphone semble trop court.", "Ce numéro de téléphone semble trop long.",
      "Commencez par + et l'indicatif du pays.", "Vérifiez ce numéro de téléphone.",
      "Vouliez-vous dire {number} ?"],
    de: ["Diese Telefonnummer scheint zu kurz zu sein.",
      "Diese Telefonnummer scheint zu lang zu sein.",
      "Bitte beginnen Sie mit + und der Ländervorwahl.", "Bitte prüfen Sie diese Telefonnummer.",
      "Meinten Sie {number}?"],
    pt: ["Este número de telefone parece demasiado curto.",
      "Este número de telefone parece demasiado longo.",
      "Comece com + e o código do país.", "Verifique este número de telefone.",
      "Queria dizer {number}?"],
    it: ["Questo numero di telefono sembra troppo corto.",
      "Questo numero di telefono sembra troppo lungo.",
      "Inizi con + e il prefisso del paese.", "Controlli questo numero di telefono.",
      "Intendeva {number}?"],
    pl: ["Ten numer telefonu wydaje się za krótki.", "Ten numer telefonu wydaje się za długi.",
      "Zacznij od + i numeru kierunkowego kraju.", "Sprawdź ten numer telefonu.",
      "Czy chodziło o {number}?"],
    ru: ["Похоже, этот номер телефона слишком короткий.",
      "Похоже, этот номер телефона слишком длинный.",
      "Начните с + и кода страны.", "Проверьте этот номер телефона.",
      "Вы имели в виду {number}?"],
    uk: ["Схоже, цей номер телефону закороткий.", "Схоже, цей номер телефону задовгий.",
      "Почніть з + і коду країни.", "Перевірте цей номер телефону.",
      "Ви мали на увазі {number}?"]
  };
  var SHORT = 0, LONG = 1, COUNTRY = 2, CHECK = 3, MEANT = 4;
  var TEXT_OF = {
    missing_area_code: SHORT, missing_digit: SHORT, too_short: SHORT,
    extra_digit: LONG, too_long: LONG, missing_country_code: COUNTRY, missing_plus: COUNTRY
  };

  var fields = new WeakMap(); // field -> {note, timer, request, asked}
  var known = new Map(); // what was asked -> answer
  var count = 0;

  function isOurs(field) {
    return field instanceof HTMLInputElement && field.type === "tel" &&
      field.dataset.hygiene !== "off";
  }

  function stateOf(field) {
    var state = fields.get(field);
    if (!state) {
      // It has to be there before it says something: only then is it read out.
      var note = document.createElement("div");
      note.className = "hygiene-hint";
      note.id = "hygiene-hint-" + (++count);
      note.setAttribute("role", "status");
      note.setAttribute("aria-live", "polite");
      (field.closest("label") || field).insertAdjacentElement("afterend", note);
      state = { note: note, timer: 0, request: null, asked: "" };
      fields.set(field, state);
    }
    return state;
  }

  function countryOf(field) {
    var named = options.countryField && field.form && field.form.elements[options.countryField];
    return (named && named.value) || options.country || "";
  }

  function textsOf(field) {
    var near = field.closest("[lang]");
    var language = options.language || (near && near.lang) || "en";
    return TEXTS[language.slice(0, 2).toLowerCase()] || TEXTS.en;
  }

  function silence(field, state) {
    state.note.textContent = "";
    var others = (field.getAttribute("aria-describedby") || "").split(/\s+/).filter(function (id) {
      return id && id !== state.note.id;
    });
    if (others.length) field.setAttribute("aria-describedby", others.join(" "));
    else field.removeAttribute("aria-describedby");
  }

  function fill(field, number) {
    // As a person would: frameworks that keep the value themselves hear of it too.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, number);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.focus();
  }

  function show(field, state, answer) {
    silence(field, state);
    var hint = answer.hint, note = state.note, texts = textsOf(field);
    field.dispatchEvent(new CustomEvent("phonehygiene", { bubbles: true, detail: answer }));
    if (!hint || (answer.status === "valid" && !hint.suggestion)) return;
    if (hint.suggestion) {
      var parts = texts[MEANT].split("{number}");
      var button = document.createElement("button");
      button.type = "button";
      button.dir = "ltr";
      button.textContent = hint.suggestion;
      button.addEventListener("click", function () { fill(field, hint.suggestion); });
      note.append(parts[0], button, parts[1]);
    } else {
      var which = TEXT_OF[hint.code];
      note.textContent = texts[which === undefined ? CHECK : which];
    }
    var described = field.getAttribute("aria-describedby");
    field.setAttribute("aria-describedby", (described ? described + " " : "") + note.id);
  }

  function ask(state, path, body) {
    var control = new AbortController();
    var timer = setTimeout(function () { control.abort(); }, LONGEST);
    state.request = control;
    var headers = { Authorization: "Bearer " + options.key };
    if (body) headers["Content-Type"] = "application/json";
    return fetch(base + path, {
      method: body ? "POST" : "GET", headers: headers, body: body && JSON.stringify(body),
      mode: "cors", credentials: "omit", cache: "no-store", referrerPolicy: "origin",
      signal: control.signal
    }).then(function (answer) {
      if (!answer.ok) throw new Error(answer.status);
      return answer.json();
    }).finally(function () { clearTimeout(timer); });
  }

  function later(field, state, asked, answer, left) {
    if (!answer.poll || !left) return;
    setTimeout(function () {
      if (state.asked !== asked) return;
      ask(state, answer.poll).then(function (next) {
        if (state.asked !== asked) return;
        if (next.poll) later(field, state, asked, next, left - 1);
        else {
          next.e164 = answer.e164;
          remember(asked, next);
          show(field, state, next);
        }
      }).catch(function () {});
    }, answer.retry_after * 1000);
  }

  function remember(asked, answer) {
    if (known.size >= KNOWN) known.delete(known.keys().next().value);
    known.set(asked, answer);
  }

  function look(field) {
    var state = stateOf(field), number = field.value.trim(), country = countryOf(field);
    var asked = number + "\n" + country;
    clearTimeout(state.timer);
    if (state.asked === asked) return;
    if (state.request) state.request.abort();
    state.asked = asked;
    silence(field, state);
    if (number.length > 60 || number.replace(/\D/g, "").length < LEAST) return;
    if (known.has(asked)) return show(field, state, known.get(asked));
    ask(state, "/api/numbers/verify", { number: number, country: country }).then(function (answer) {
      if (state.asked !== asked) return;
      if (!answer.poll) remember(asked, answer);
      show(field, state, answer);
      later(field, state, asked, answer, POLLS);
    }).catch(function () {
      if (state.asked === asked) state.asked = "";
    });
  }

  function listen(name, then) {
    document.addEventListener(name, function (event) {
      try { if (isOurs(event.target)) then(event.target); } catch (error) { /* the form goes on */ }
    }, true);
  }

  listen("focusin", stateOf);
  listen("input", function (field) {
    var state = stateOf(field);
    silence(field, state);
    state.asked = "";
    clearTimeout(state.timer);
    state.timer = setTimeout(function () {
      try { look(field); } catch (error) { /* the form goes on */ }
    }, WAIT);
  });
  listen("change", look);
  listen("focusout", look);
})();
