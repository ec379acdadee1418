"""English, with what the FCC's rule of April 2025 counts as reasonable (47 CFR 64.1200(a)(10))."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_ING = (
    "(?:text|messag|call|contact|writ|email|bother|harass|spamm?|send|phon|ring|pester|annoy"
    "|solicit|bugg|disturb|stalk|dm|sms|reach)ing"
)
_DO = (
    "(?:text|message|contact|call|write|send|bother|harass|spam|phone|ring|disturb|pester|annoy"
    "|solicit|sms|email|bug|msg|reach out)"
)
_THINGS = (
    "(?:text|message|call|sms|contact|email|spam|notification|alert|communication|promotion|ad"
    "|advertisement|offer|reminder|update|robocall|solicitation|newsletter|marketing|"
    "correspondence)"
    "(?:s|es)?"
)
_MY = (
    r"(?:me|us|him|her|my (?:\w+ )?(?:number|name|info\w*|data|contact\w*|details|cell|phone|line)"
)
_MY += r"|this (?:\w+ )?(?:number|phone|contact|line)|the (?:number|phone))"
_OF = "(?:(?:these|this|those|the|any|your|all|of|more|further|future|me|with|so many|sending|such"
_OF += r"|marketing|promo\w*|sales|text|automated|unwanted|unsolicited|damn|fucking|stupid|political) )*"

LANGUAGE = Language(
    code="en",
    exact_opt_out="""
        stop|stopall|stop all|unsubscribe|unsubscribe me|unsubscribe all|end|quit|cancel|revoke
        opt ?out|opt (?:put|iut|ouy|uot|our|oot|ot|outt|otu|oyt)|opt me out|remove|remove me|delete|delete me|optout all|unsub|stop it|stop this
        stop now|stop that|stop already|stop immediately|stop everything|just stop|do not disturb
        no more|enough|cease|cease and desist|dnc|do not call|do not text|do not contact|end all
        cancel all|(?:cancel|stop|end) (?:everything|it all)|quit it|arret|block|take me off|opt|block me|blocked|stop stop|no stop|stop no
        exit|leave
        f off|0pt out|stawp|discontinue|do not want this|not want this|stop sms|stop texts?|stop messages?|stop calls?|stop spam|stop contact|i opt out|im out
        i am out|opt me out|already opted out|opted out
    """,
    politeness="""
        please|actually|yeah|yep|yea|bye|goodbye|cheers|seriously|honestly|literally|ugh|thanks|thank you|thx|ty|ok|okay|hi|hello|hey|sorry|kindly|now|immediately|sir|maam
        madam|guys|man|bro|dude|and|just|yes|i said|today|already|thanks you|god|jesus|omg|asap
    """,
    declines=r"""
        no|nope|nah|nay|hard pass|pass|no thanks?|no thank you|nah thanks?|no way|not for me
        (?:(?:i am|i was|we are|am|really|just) )?(?:not|no longer) (?:really |at all |even )?interested(?: at all| anymore| any more| in (?:this|that|it|your (?:offer|service|services|product|products)))?
        no interest|(?:i|we) have no interest|zero interest|do not want it|no need|do not need (?:it|this|that)
        (?:never|never ever) (?:ever )?again
        (?:i |we )?(?:never|did not) (?:sign|signed) up(?: for (?:this|that|it|these|any of this))?
        (?:i |we )?(?:never|did not) (?:subscribe|subscribed|agree|agreed|consent|consented|register|registered|opt in|opted in)(?: to (?:this|that|it|these|any of this))?
        (?:i |we )?(?:do|did) not (?:authorize|authorise|allow|permit) (?:this|these|your|such|any) (?:calls?|texts?|messages?|contact)
        no permission(?: to (?:call|text|contact|message) me)?|(?:you have|you had) no permission
        (?:you|yall|you guys|you people) are (?:so |very |really )?(?:annoying|a pain|bothering me)|so annoying|how annoying
        not to be (?:called|texted|contacted)|no calls?|no texts?|no contact|halt|desist
        (?:you|yall|you guys|you people|your number|this number|the number) (?:have been|has been|are being|is being|are|is|were|was|got) (?:now |just |also )?reported(?: as (?:spam|a scam|scam))?
        (?:go )?(?:fuck|screw) (?:you|u|yourself|yourselves|urself)(?: \w+){0,5}|kiss my (?:\w+ )?(?:ass|arse|butt)|eat (?:shit|my (?:ass|shorts|dick))(?: \w+){0,3}|suck my (?:\w+ )?\w+|go (?:screw|shove) (?:\w+ ){0,3}\w+
        (?:you|yall|you guys|you people) (?:all )?(?:keep(?: on)?|are (?:always|constantly)|constantly|always|never stop|will not stop) (?:call|text|messag|bother|contact|bug|harass|spamm|phon|ring)ing(?: (?:me|us|my|this|number|phone|all|the|time|every|day|non ?stop))*
        (?:you|yall|you guys|you people) (?:have been |been |are )?(?:call|text|messag|contact|ring|phon)(?:ing)?(?: me| us)? (?:way |far )?(?:too (?:much|often|many times)|so (?:much|often|many times)|every (?:day|hour|week)|all the time|constantly|non ?stop)
        (?:(?:i|we) )?(?:really )?(?:do not|did not) appreciate (?:these|the|your|all|all of|this|such|getting|being)(?: \w+){0,2} (?:calls?|texts?|messages?|sms|spam|contacted|called|texted)
        (?:(?:this is|these are|that is) )?(?:way |far )?too many (?:\w+ )?(?:calls|texts|messages)
        (?:(?:this|it|that|you) (?:is|are|looks like|sounds like) )?(?:clearly |just |such |obviously )?(?:a |an )?(?:\w+ )?(?:scam|fraud|con|phishing|scammers?|fraudsters?)
        (?:i|we) (?:will|am going to|are going to|am about to|shall) (?:block|report)(?: (?:you|this|your|number))*|(?:i|we) (?:will|am|are|am going to|are going to|shall) (?:be )?(?:call|calling|contact|contacting) (?:the )?(?:police|cops|authorities)
        (?:i|we) (?:really |just |still )?(?:have|got) (?:absolutely |zero )?no (?:interest|need)(?: (?:in|for|of)(?: \w+){1,3})?|(?:(?:i|we) )?(?:really |just )?do not (?:need|want) (?:it|this|that|these|anything|your (?:services?|products?|help|offers?)|any of (?:it|this|that))
    """,
    exact_opt_in="start|unstop|subscribe|opt ?in|resume|re ?subscribe",
    call_words="call|calls|calling|phon(?:e|ing) (?:me|us)|phoning|ring|ringing|robocall",
    opt_in=(
        r"opt(?:ing)? (?:me )?(?:back )?in(?! to|to)",
        r"(?:sign|put|add) me (?:back )?(?:up|on|in)(?: (?:again|for (?:the |your )?(?:texts|messages|sms|alerts)|to (?:the|your) list))?(?: please| thanks| thank you| now)*$",
        # "Subscribe me" alone is how dictation writes "unsubscribe me" as well.
        r"(?<!on )(?<!un )(?:re ?subscribe me(?: again| back)?|subscribe me (?:again|back))(?! from)",
        r"(?:start|resume) (?:texting|sending|messaging) (?:me )?(?:\w+ )?again",
        r"changed my mind (?:and )?(?:you can text|please text|keep (?:texting|sending))",
    ),
    weak_wrong_number=(
        r"(?:i am|this is) (?:his|her|their) (?:\w+ )?(?:brother|sister|wife|husband|son|daughter|mother|mom|mum|father|dad|caregiver|carer|assistant|nurse|partner|roommate|secretary)|have (?:a )?power of attorney",
        r"(?:he|she|they|husband|wife|mother|father|mom|mum|dad|son|daughter|brother|sister) (?:has |have |sadly |just |recently )*passed (?:recently|(?:last|this) (?:year|month|week|night|spring|summer|fall|winter))",
        r"^(?:i am|this is|it is) (?:someone|somebody) else$",
        r"^(?:this is )?(?:a )?new number for me$",
        r"^(?:not mine|not my (?:number|phone))$",
        r"^(?:i )?no longer own (?:it|this|that|the \w+)?$|^no longer own$",
        r"(?:has |have |had )?(?:recently |just |sadly )?passed (?:away|on)",
        r"(?:he|she|husband|wife|mother|father|mom|mum|dad|son|daughter|brother|sister|owner|person|who|they) (?:is|are|has|have|was)? ?(?:now |been |recently |sadly )?(?:deceased|dead|died|gone forever|no longer with us|no longer alive)",
        r"(?:is|are) (?:deceased|no longer (?:with us|alive))",
        r"died (?:last|in|on|a|two|three|years|months|yesterday|this|\d)",
        r"^(?:deceased|dead)$",
        r"this is (?:a|an|our|my) (?:\w+ ){0,2}(?:business|office|company|work|store|shop|hotel|school|restaurant|clinic|landline|fax)(?: (?:number|line|phone))?",
        r"(?:business|office|company) (?:number|line|phone)",
        r"who (?:is|are|r) (?:this|dis|that|you|u)(?: (?:please|plz|texting|calling|anyway))?$",
        r"who dis$",
        r"^(?:sorry |nope |no )?not me(?: sorry)?$",
        r"fax (?:number|line|machine)|(?:has|is|are|have) retired",
        r"i am (?:only |just )?(?:a (?:minor|child|kid)|(?:\d|1[0-7])(?: years? old| yrs? old)?$)",
        r"(?:my |a |his |her )?(?:kid|child|son|daughter|toddler)s? (?:has|uses|owns|is using) (?:this|the) (?:phone|number)|(?:kid|child|son|daughter)s (?:phone|number|cell)",
        r"new phone who",
        r"no such (?:person|man|woman|guy|name)",
        r"do i know you",
        r"new owner",
        r"(?:this )?(?:number|phone) (?:has|got) (?:a )?(?:new|different) owner",
    ),
    opt_out=(
        r"(?:want|need|like|wish) (?:my|our|this) (?:\w+ )?(?:number|name|info|details|contact) (?:to be )?(?:removed|deleted|taken off|erased)",
        r"(?:be|get) (?:put |placed |added )?(?:on|to|in) (?:your|the|a) (?:internal )?(?:do not (?:call|contact|text)|dnc)",
        r"(?:stop|quit) (?:following up|reaching out|checking in|chasing)(?: (?:with|on|after|to) (?:me|us))?",
        r"wrong (?:number|person|guy|contact) (?:so |please |just |and )*stop$",
        r"(?:do not|no longer|never) (?:want|wish|like|care|need) to (?:receive|get|be getting|be receiving|keep getting) (?:these|this|those|them|it|any of (?:this|these|it))(?: any ?more| again| please| thanks?)?$",
        r"(?:take|get|keep|drop|cut|pull|scratch|strike) (?:me|us|my \w+|this number) (?:off|of|out|from)(?: of| from)? (?:this|your|ur|the|all|any|these|that)? ?(?:\w+ ){0,2}(?:lists?|system|database|contacts?|texts?|messages?|sms|records|file|mailing|marketing|campaign|crap|spam|shit|bs|rotation|distribution|program|thread|group)",
        r"(?:remove|delete|take|strike|scrub|scratch) (?:me|us|my \w+(?: number)?|this number) (?:form|from|of|off|out) (?:of )?(?:this|your|ur|the|all|any)? ?(?:\w+ ){0,2}(?:lists?|system|database|contacts?|records|file|mailing)",
        r"(?:put|add|place) (?:me|us|my \w+|this number|this) (?:on|to|in) (?:(?:your|the|a|ur) )?(?:internal )?(?:dnc|do not (?:call|contact|text))(?: list)?|^dnc(?: list| please)?(?: \w+){0,2}$",
        r"consent (?:is |has been |hereby |was )*(?:revoked|withdrawn|rescinded|denied)",
        r"(?:lose|loose|delete|erase|forget|toss|burn) (?:my|this) (?:fucking |damn )?(?:number|digits|contact|phone number|info\w*)",
        r"(?:i am|you are|this is|its) (?:filing|file|reporting|reported) (?:a )?(?:complaint|you|this)(?: \w+){0,6}(?:fcc|ftc|tcpa|spam|7726|attorney)",
        r"(?:stop|quit) (?:fucking |damn |freaking )(?:text|call|messag|send|contact|bother|harass)\w*",
        r"(?:do not|never) (?:fucking |ever |you )*(?:text|call|contact|message|write) (?:to )?(?:me|us|this number|here)",
        r"(?:want|like|need|wish) (?:all )?(?:these|the|this|your|those|them|it|all)? ?(?:\w+ )?(?:text|message|call|sms|them|it|this)s? to stop|make (?:it|this|them) stop",
        r"(?:do not|never) (?:reply|respond|write back) to (?:me|us)",
        r"please remove(?: now| thanks| thank you)?$",
        r"(?:do not|never|did not) (?:give|grant|have) (?:you )?(?:my |any )?(?:permission|consent|authorization)|(?:would appreciate|appreciate it) if you (?:stopped|would stop|did not|removed)",
        r"(?:not to|do not) (?:ever )?(?:reach out|reach|receive|get|be sent) (?:to (?:me|us)|"
        r"any|these|more|another|further|your)|(?:prefer|rather) not (?:to )?(?:receive|get|"
        r"be contacted|be texted|hear)",
        rf"(?:stop|quit|cease|discontinue|halt|end|cancel) {_OF}(?:{_ING}|{_THINGS})"
        r"(?! (?:and driv|while|it|him|them|in sick|about me|bell))",
        r"(?:stop|quit) (?:w|wit|with|all) (?:the |these |all |your |this )+\w+|(?:stop|"
        r"quit) (?:texts|messages|calls|spam|sms)",
        r"(?:do not|never) (?:send|text|message) (?:me |us )?(?:anything|any|another|more|"
        r"nothing)(?: \w+){0,2}",
        r"(?:stop|quit) (?:blowing up my|hitting|reaching out|hounding|with (?:the|these|this|"
        r"your))",
        rf"(?:do not|never|no longer) (?:ever |you |please |want you to |dare |even |"
        rf"try to )*{_DO}(?:(?: or| and| nor)(?: do not)? {_DO})*"
        r" (?:me|us|this|here|my|again|any ?more)",
        rf"(?:do not|never) (?:ever )?{_DO}(?: anymore| again|$)",
        rf"(?:no more|enough(?: with)?) {_OF}{_THINGS}",
        r"(?:do not|no longer|never|did not) (?:want|wish|like|care|need|agree|consent|"
        r"ask)(?: for)?"
        rf" (?:to (?:be |keep )?(?:receiv\w+|get(?:ting)?|see|have|hear\w*|read) ?)?{_OF}"
        rf"(?:{_THINGS}|anymore (?:{_THINGS})|from you|from your \w+|anything (?:else )?from)",
        r"(?:do not|no longer) (?:want|wish|like|care) to (?:receive|get|be (?:receiving|getting)) (?:\w+ ){0,3}"
        rf"{_THINGS}|(?:do not|no longer) (?:want|wish|like|care) to (?:hear|get anything|receive anything)"
        r" (?:\w+ )?from (?:you|your|ya|u)(?: \w+){0,3}",
        r"(?:do not|no longer|never) (?:want|wish|like|consent|agree) (?:to )?(?:be|"
        r"being) (?:contacted"
        r"|texted|called|messaged|bothered|disturbed|emailed|solicited|on (?:this|your|the|any)"
        r"(?=.* list)(?: \w+)* list|part of|subscribed|included|added)",
        r"(?:do not|no longer) (?:want|like) you to (?:text|call|contact|message)",
        r"(?:revoke|withdraw|rescind)(?:ing)? (?:\w+ )?(?:consent|permission|authorization)",
        r"(?:do not|never|did not|no longer) (?:gave you |give you |given you |gave |"
        r"have (?:my )?)?(?:my )?(?:consent|permission)"
        r"(?: to (?:text|call|contact|message))?",
        rf"(?:remove|delete|erase|unlist|unsubscribe|unenroll|opt|scrub|unsub) {_MY}"
        r"(?! (?:as|to the|up)\b)",
        rf"(?:take|get|cut|drop) {_MY} off(?: this| please| now| it)?$",
        r"(?:removed|taken off|unsubscribed|opted out|deleted) from (?:this|your|the|all|any)",
        r"(?:want|wish|like|need|ask\w*|request\w*|demand) to (?:be (?:removed|taken off|"
        r"unsubscribed"
        r"|opted out|deleted|left alone)|unsubscribe|stop (?:receiving|getting)|"
        r"cancel (?:my"
        r" )?subscription)",
        r"unsubscribe(?: (?:me|us|please|this|now|my|thanks|immediately|from (?:this|these|"
        r"your|all|the (?:list"
        r"|text|sms|message|alert|mailing)\w*))|$)|^(?:please |kindly )?unsubscribe",
        r"opt(?:ing|ed)? (?:me )?out(?! (?:form|link|button|option|page|box|instructions|policy|language|rate|period|deadline|clause)s?\b)(?! of (?:the|this|our|that|my|it) (?!text|list|message|sms|call|alert|notif|commun|campaign|program|service))|i opt out|optout",
        r"(?:lose|forget|block|trash|erase|throw away) (?:my|this) (?:number|contact|info\w*)",
        r"leave (?:me|us) (?:the (?:hell|fuck|heck) |tf )?alone",
        r"(?:fuck|piss|bugger|sod|buzz|fk|eff) off|get lost|go away|go to hell|get a life",
        r"not interested (?:so |and )?(?:please )?(?:stop|remove|take me|lose|do not)",
        r"cease and desist|cease all|no further (?:contact|communication|message|text)\w*",
        r"(?:put|place|add) (?:me|us|my number|this number) (?:on|to) (?:the|your|"
        r"a) (?:\w+ )?(?:do not"
        r" (?:call|contact|text)|dnc|opt out|block)",
        r"(?:i|we) (?:already |have |just )*(?:said|told|asked|texted|replied|typed|sent|begged)"
        r" (?:you |your \w+ )?(?:guys |all |people |to |multiple times |many times |twice )*stop",
        r"(?:ask|asking|told|telling|tell|want|need|beg|begging|demand) (?:you |that you |"
        r"you all |your \w+ )?(?:to )?stop$",
        r"(?:please|you need to|you must|you should|you better|just|and) stop(?: (?:it|this|"
        r"now|already"
        r"|immediately|please|thank\w*|thanks|asap|right now|or (?:i|we).{0,60})|$)",
        r"^stop (?:please|now|this|it|already|immediately|right now|thank\w*|i am|i do not|you|we"
        r"|or i|or we|no|not|wrong|am not|my|asap)",
        r"(?:do not|not) (?:wish|want) (?:for )?(?:any )?(?:further|future|more) (?:contact|"
        r"comm\w+)",
        r"i am (?:done|out|not interested do not)(?: with)? (?:with )?(?:your|these|"
        r"the) (?:text|message)"
        r"\w*",
        r"(?:why (?:will not|do not|can not) you|will you|would you|could you|can you)(?: all|"
        r" guys)?"
        r"(?: please| just)* (?:stop (?:text|call|contact|messag|send|bother|spam|harass|it$|"
        r"this$|these|with)\w*|quit (?:text|call|send)\w*|remove (?:me|us|my|this)|"
        r"take me off|unsubscribe|delete my)",
        r"^(?:please )?no (?:texts|calls|messages)(?: please| anymore| thank\w*)*$",
        r"not to (?:be (?:text|call|contact|messag)ed|(?:text|call|contact|message) (?:me|us|this number|here))",
        r"take (?:me|this number|my \w+) off(?! (?:mute|hold|speaker\w*|guard|the hook|the hold))",
        r"(?:please )?(?:refrain from|desist) .{0,60}(?:texting|calling|contacting|messag\w+)",
        r"(?:want|get me|take me|wish) off (?:of )?(?:this|your|the)|cancel (?:my |this |the |"
        r"all )?(?:text|sms|message|messaging"
        r"|alert)s? ?(?:subscription|service|message)?s?|remove (?:me )?from (?:this|your|"
        r"the)? ?(?:\w+ )?list",
        r"i want out|let me out of this|get me out of this|stop bugging|stop harass\w*|"
        r"stop spam\w*",
        r"stopped (?:texting|calling|contacting) me immediately",
        r"(?:be|get) (?:removed|taken|deleted|dropped|struck|crossed) (?:off|from|out of)(?: of)? (?:this|your|the|all|any|that|ur|these)? ?(?:\w+ ){0,2}(?:lists?|system|database|contacts?|texts?|messages?|sms|records|mailing|marketing|campaign|group|thread)",
        rf"(?:ask\w*|tell|telling|told|request\w*|beg\w*|warn\w*|want|wanted) (?:you |your \w+ |guys |people |all |to )+(?:\w+ ){{0,2}}(?:not to|to not|to never) (?:ever )?{_DO}(?: (?:me|us|my|this|here|again|any ?more|before)|$)",
        r"(?:want|wish|like|need|going) to (?:quit|cease|discontinue|end|no longer) (?:be )?(?:receiv|get|hear|see)\w*(?: \w+){0,4}",
        r"(?:do not|never) (?:you )?(?:ever )?(?:want|like|need) this (?:service|subscription)",
    ),
    wrong_number=(
        r"(?:he|she|they|(?!i |we |you )[a-z]+) (?:has |have )?moved out(?: of here)?$",
        r"(?:you|u|ya) (?:have |are )?(?:got |texted |sent |send |texting |reached |messaged |hit )?(?:\w+ ){0,3}(?:the )?wrong (?:number|person|guy|girl|lady|one|dude|contact)$",
        r"(?:i am|im|this is) the new (?:owner|user|holder)(?: \w+){0,4}|new (?:owner|user|holder) of (?:this|the) (?:number|phone|line)",
        r"(?:this|the) number (?:was|got|has been) (?:just )?(?:assigned|reassigned|given|issued) to me",
        r"(?:does not|no longer|do not) (?:live|stay|work|reside) (?:here|at this (?:number|address|phone))|(?:now belongs|belongs now) to|(?:looking for|trying to reach|want|searching for) (?:someone|somebody) else|(?:have|got) no (?:idea|clue) who (?:that|he|she) is",
        r"(?:have|has|probably|must have) (?:given|gave) you (?:a |the |my )?(?:fake|false|wrong|bad|incorrect)",
        r"(?:is not|not|no longer|is no longer) the (?:right |correct )?(?:phone )?number (?:for|of) ",
        r"(?:is not|no longer|not) (?:his|her|[a-z]+s) anymore|"
        r"confused (?:me )?with (?:someone|somebody)|(?:i am a|this is a|"
        r"it is a) different (?:person|owner|individual)|passed (?:this|the|his|her) (?:phone|"
        r"number) (?:on )?to me|(?:gave|handed) me (?:this|his old|her old) (?:phone|number)|(?:have|"
        r"got) (?:the )?wrong (?:contact|info)|(?:message|text|call) (?:is not|was not|"
        r"is probably not|must not be) (?:for|meant for) me",
        r"wrong (?:number|cell|telephone|phone number|contact|recipient|phone|individual)"
        r"(?! (?:of (?!telephone|phone)|on (?:my|the|your)|for (?:my|the) order|in (?:my|the)"
        r" (?:order|invoice|account)))",
        r"wrong (?:person|guy|girl|lady|man|woman|dude|individual|chick|kid)(?=$| (?:here|again"
        r"|buddy|bud|pal|dude|sorry|i am|this|not|please|stop|man|bro|maam|sir|for|thanks|and|who"
        r"|my|at|on|with|so|remove|take|do)\b)",
        r"(?:incorrect|not (?:the )?(?:right|correct)) (?:phone )?(?:number|person|contact)",
        r"not (?:the )?(?:right |correct )?(?:person|one|guy|girl|man|woman|"
        r"individual) (?:that )?(?:you"
        r" are |you |your )?(?:looking|want|trying|after|need|think|intend|texting|seeking)",
        r"not who(?:ever)? (?:you|your) (?:think|are looking|want|are trying|looking|need)",
        r"you (?:have|got|has|texted|dialed|called|reached|messaged|are texting|"
        r"are calling) (?:got )?the wrong$",
        r"you (?:have )?mis(?:dial|text)\w*|mistaken (?:me|identity|for someone)|mistook me"
        r"|confus(?:ed|ing) me (?:with|for)|texted this number (?:by|in) (?:mistake|error)",
        r"(?:no one|nobody|no body|noone|there is (?:no one|nobody|no|not anyone)|no person|no) ?"
        r"(?:lives |is |around )?(?:here |at this number )?(?:by|with|called|named|"
        r"of) (?:that|this|the)"
        r" ?(?:name)?",
        r"(?:no one|nobody|no person|noone|not anyone|not anybody|no such person|"
        r"is not (?:anyone|anybody|a"
        r" person|any)) (?:here |at this number )?(?:named|called|by the name|by that name|"
        r"with that name|here)",
        r"(?:reached|texted|called|got|have|texting|messaging) (?:someone|somebody) else(?:$|s)",
        r"(?:this|the) (?:phone )?(?:number|phone|line) (?:has been|is|was|has always been|is now) (?:mine|"
        r"my (?:number|phone)|someone else\w*"
        r"|somebody else\w*|not (?:his|her)\w*)|(?:it is|this is) (?:not )?(?:mine now|"
        r"my phone now|my line now)",
        r"(?:name|names) (?:is not|has never been|never was)(?! (?:on|in|there|listed|"
        r"spelled))|person (?:you are )?(?:looking"
        r" for|trying to reach|texting) (?:is not|no longer|does not|has|moved|left|changed)",
        r"(?:is not|no longer|not) (?:longer )?(?:at|on|reachable (?:at|on|under)|"
        r"using) (?:this|that) (?:number|phone|line)",
        r"no [a-z]+ (?:lives here|at this number|on this number|at this phone|reachable here)",
        r"(?:do not|never) (?:know|have|employ) (?:anyone|anybody|someone|somebody|nobody|no one|any person|"
        r"a person)"
        r" (?:here )?(?:named|called|by|with|of) (?:that|this|the)?|(?:do not|never) know"
        r" (?:this|that|the|such) (?:person|guy|name|man|lady|woman|individual|people|dude)"
        r"|do not (?:even )?know who (?:he|she|that person|this person) is|"
        r"have no idea who (?:he|she"
        r"|that person|this person) is",
        r"never heard of (?:him|her|them|that|this|any|anyone|such|[a-z]+$)",
        r"(?:not|no longer|never was|is not|was not|not longer) (?:his|her|their|(?!this|"
        r"business|sales"
        r"|always|as |us |is )[a-z]+s) (?:phone number|number|phone|cell|mobile|telephone|"
        r"line|cell phone)(?: anymore| any"
        r" more)?",
        r"(?:number|phone|it|this|line|cell) (?:no longer|does not|do not|has not|"
        r"is no longer|is not|did"
        r" not|never) (?:longer )?(?:belong\w*|owned|registered to|connected to|his|hers|"
        r"theirs|used by"
        r"|assigned)",
        r"(?:number|phone|line) (?:belongs|belong) to (?:someone|somebody|another|me|a different|my"
        r"|a business|an? \w+ now)",
        r"(?:he|she|they|person|(?!i |we |you )[a-z]+) (?:does not|do not|no longer|"
        r"is not) (?:longer )?(?:have|has|use|uses"
        r"|using|own|owns|at|on|answer) (?:this|that) (?:phone|number|cell)",
        r"(?:he|she|they|(?!i |we |you )[a-z]+|person) (?:has |have |must have |"
        r"probably )*(?:changed|switched|got a new"
        r"|got a different|has a new|has a different|have a new|gave you (?:a|the) (?:wrong|"
        r"fake|false)"
        r"|gave up|got rid of) ?(?:his|her|their|the|this)? ?(?:phone )?(?:number|phone)s?",
        r"(?:just|recently|only|newly|only just) (?:got|bought|acquired|received|"
        r"started using|had|have"
        r"|took over|been given) (?:this|assigned this) (?:new )?(?:phone )?(?:number|phone|"
        r"sim|cell)(?! from)",
        r"(?:have|had|has|got|owned) (?:had |owned )?this (?:same )?(?:phone |"
        r"cell )?(?:number|phone) (?:for"
        r"|since|over|now|like|a long|about|almost|forever|going on|\d+)",
        r"(?:number|phone) (?:was|has been|got|is) (?:reassigned|recycled|given to (?:me|"
        r"someone|somebody)"
        r"|transferred to|changed hands)|new owner of this|i own this number now|my number now"
        r"|(?:someone|somebody) else(?:s)? (?:has|number|owns|phone|now)",
        r"(?:old|previous|former) number for (?:him|her|them|[a-z]+)|(?:his|her|their|"
        r"[a-z]+s) (?:old|previous|former)"
        r" (?:number|phone|cell)",
        r"(?:he|she|they|[a-z]+) (?:has not|have not|has never|never) had this (?:number|"
        r"phone)(?: \w+)*",
        r"(?:must|might|could) have had (?:my|this) (?:number|phone) before|had (?:my|"
        r"this) number before (?:me|i)",
        r"this is not them|is someone elses? (?:phone|number)|"
        r"you are not (?:texting|talking to|reaching) \w+"
        r"|not the \w+ you (?:are looking|want|know)|(?:trying|looking) to reach (?:someone|"
        r"somebody) else",
        r"(?:this|number|it|that|phone) (?:used to|use to) (?:be|belong)|used to (?:be|"
        r"belong to) (?:his|her"
        r"|[a-z]+s) (?:number|phone)|previous owner|last owner|belonged to (?:someone|somebody|a)",
        r"(?:does not|no longer|do not|did not|never) (?:longer )?lives? here(?: anymore)?",
        r"(?:no longer|does not|do not|not) (?:longer )?(?:work|works|working|employed|"
        r"with) (?:here|for us"
        r"|at this|with us|with the company|for this|for the company|at the company)",
        r"(?:has |have )?left the (?:company|organization|firm|business)(?:$| (?:a|last|in|"
        r"years|months|already|back|some|and))",
        r"not the (?:owner|person|one|individual|man|woman) (?:of|you|named|called|who|whose)",
        r"(?:i am|this is|it is|that is) not (?:him|her|them|that person|this person|"
        r"the person|the one you)",
        r"not (?:my|our) name|that is not (?:me|my name)|i am not that person|not me you|"
        r"not him|not her$"
        r"|(?:i am|is) not the person",
        r"(?:you are |your )?(?:texting|calling|contacting|messaging|"
        r"looking for) (?:the )?(?:wrong (?:number|person|guy|one|phone)|someone"
        r" else|somebody else|a different person)",
        r"(?:must|may|might) have (?:the |a |dialed |texted |called )*(?:wrong|mixed up|"
        r"misdial\w*)",
        r"(?:think|believe|afraid|guess) (?:that )?you (?:have |are )?(?:got |texting |"
        r"calling |meant )?(?:the )?"
        r"(?:wrong|mistaken|for someone else|someone else|somebody else)",
        r"(?:was|is) (?:meant|intended) for (?:someone|somebody) else|not (?:meant|intended) for me"
        r"|meant (?:this )?for someone else",
        r"this is a (?:business|landline|company|different person|different number|"
        r"work) (?:number|phone|line)"
        r" not",
    ),
    complaint=(
        r"report(?:ing|ed)? (?:you|this|it|your (?:number|company)|this number|you guys|you all)"
        r" (?:\w+ ){0,3}(?:to|with) (?:the |my )?(?:\w+ )?(?:fcc|ftc|ico|tcpa|police|ofcom"
        r"|bbb|regulators?"
        r"|authorit\w+|attorney general|consumer protection|cfpb|dnc registry|trading standards)",
        r"(?:filing|filed|file|lodging|lodge|lodged|submitting|submitted|making) (?:a |an"
        r" )?(?:formal |official )?"
        r"complaint (?:\w+ )?(?:with|to|about|against) (?:the )?(?:fcc|ftc|ico|bbb|ofcom"
        r"|police|you|your)",
        r"this is (?:now |just |plain |pure )?harassment|you (?:are|keep|have been)"
        r" harassing (?:me|us)",
        r"(?:my|our) (?:lawyer|attorney|solicitor)s? (?:will|is going to|shall) "
        r"(?:be (?:in touch|contacting you|suing you)|sue you|contact you$)",
        r"hear(?:ing)? from (?:my|our) (?:lawyer|attorney|solicitor)",
        r"(?:i|we) (?:will|am going to|are going to) (?:sue you|take legal action|take you"
        r" to court)",
        r"taking legal action against you",
        r"^(?:you (?:are |have been |were )?|i |already |and )*reported to (?:the )?(?:fcc|ftc|ico|police|ofcom|bbb|attorney general|tcpa)",
        r"(?:you are |this is |that is |clear |a )+(?:violating|violation of|in violation of|breaking|breach of) (?:the )?(?:tcpa|gdpr|do not call|dnc|law|federal law)|tcpa violation",
    ),
    corrected=(
        # A number that changes: which it will be, a person asks.
        r"(?:my|our) (?:phone |cell |mobile )?number (?:is (?:changing|going to change|about to change)|will change|changes|will be (?:changing|different))|(?:i am|we are|i will be|we will be|i am going to be) (?:changing|switching) (?:my |our )?(?:phone |cell )?numbers?|(?:update|change) (?:my|our) (?:phone |cell |mobile |contact )?number",
        r"(?:my|our) (?:new|other|current|correct|right) (?:phone |cell |mobile )?(?:number"
        r"|cell|phone) is(?: now)? \d[\d ]{3,}",
        r"(?:use|text|call|reach|contact|try) (?:me |us )?(?:\w+ ){0,2}(?:on |at )?\d[\d"
        r" ]{5,}(?:instead|from now|now|please|as)",
        r"(?:my|our) (?:phone )?number (?:has |was )?changed to \d[\d ]{3,}|(?:the"
        r" )?(?:right|correct|new) number is \d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:this|that|it) is (?:still |indeed )?(?:my|the (?:right|correct)) (?:cell "
        r"|phone |mobile )?number",
        r"^(?:yes |yep |yeah )?(?:right|correct) number(?: yes| thanks)?$",
        r"(?:you have|you got|you reached) the (?:right|correct) (?:number|person)|still"
        r" (?:my number|using this number|the same number)",
    ),
    uncertain=(
        r"(?:do not|never) want (?:you|u|them|yall) to (?:stop|quit)|(?:i|we) would never (?:ring|call|text|contact|write|message|send)|(?:stop|quit) sending (?:someone|somebody|people|him|her|guys)",
        r"(?:removed|taken|deleted|dropped) (?:off|from|out of)(?: of)? (?:the |this |that |your |our )?(?:\w+ )?(?:cc|copy|waiting list|waitlist|wait list|meeting|invite|invitation|calendar|schedule|lease|policy|roster|class|lineup|shift|rota)",
        r"(?<!if you )(?<!why )(?<!you )(?<!they )(?:do not|never) (?:please )?(?:want|wish|need|plan|intend|mean) to (?:unsubscribe|opt out|be removed|be taken off|stop (?:receiving|getting)|leave)|(?<!if you )(?<!why )(?<!you )(?<!they )do not (?:opt|remove|take|delete|unsubscribe) (?:me|us)",
        r"(?:remove|delete|take|drop|get|keep) (?:me|us|my \w+|him|her) (?:off|of|from|out of)(?: of)? (?:the |this |that |your |our )?(?:\w+ )?(?:cc|copy|carbon copy|waiting list|waitlist|wait list|meeting|invite|invitation|calendar|schedule|lease|policy|deed|title|mortgage|loan|team|roster|class|insurance|lineup|shift|rota|table)",
        r"(?:do not|never) (?:text|send|message|email|give) (?:me |us )?(?:the|that|my|your|any) (?:address|invoice|bill|contract|code|link|password|details|file|document|quote|paperwork|keys?|package|parcel|order|form)s?",
        r"(?:she|he|they|my \w+) (?:told|asked|wants|wanted|said) (?:\w+ )?(?:him|her|them|me)? ?to stop",
        r"(?:my|our) (?:\w+ )?(?:number|name|address|email|info\w*|birthday) (?:is|was|are) (?:\w+ )?(?:wrong|incorrect|misspelled|not right|mispelled|outdated)",
        r"(?:texts?|messages?|sms|calls?) (?:are|is) (?:fine|ok|okay|good|great|welcome)",
        r"already (?:unsubscribed|opted out|cancelled) from (?:your|the) (?:email|mail|newsletter)\w*",
        r"(?:call|ring|phone|email|text|message|whatsapp)(?: (?!again|and )\w+){0,4} (?:do not|instead of) (?:text|call|email|message|sms|write)",
        r"do not (?:text|call|message|email|sms) (?:me )?(?:just |please )?(?:call|ring|text|email|whatsapp)",
        r"(?:low|no|dead|dying) (?:battery|signal|credit)|(?:am|is|are|i|while) (?:driving|asleep|sleeping|in (?:a )?(?:meeting|class|court|surgery|church)|at (?:school|church|the doctor))",
        r"(?:you|he|she|they|boye|friend|guy) (?:guys |just |always )?(?:never|did not|does not) (?:ever )?(?:call|text|message|write|answer|reply|ring|phone)|^you (?:do not|never|no longer) (?:even )?(?:call|text|message|write)|(?:call|text|write|ring|phone|message) (?:me |us )?back",
        r"wrong (?:size|date|day|time|address|colou?r|door|place|bus|train|way|room|order|item|part|turn|street|house|exit|one|floor|stop|file|photo|picture|key|email)",
        r"do not leave (?:me|us) alone|(?:stop|quit) (?:everyone|everybody|people|him|her|them)|(?:stop|quit) (?:calling|texting) (?:him|her|them|everyone|everybody|people|my (?:mom|mum|dad|wife|husband|son|daughter|kids?|friends?|boss|sister|brother|family|parents)|yourself|that|those)",
        r"(?:she|he|they|friend|mom|mum|dad|you) (?:just )?(?:gave|handed) (?:me|him|her)|gave (?:her|him|them)", r"^(?:just |please |ok |okay )*(?:get lost|go away|get a life|go to hell)$", r"(?:alone|off|lost|away) i (?:think|guess|said to (?:him|her))",
        r"stuck in|go away (?:for|to|on|with|this|next)|(?:stain|pain|rain|smell|fever|rash) (?:to )?go away",
        r"unless (?:you|it|there)|(?:once|after|when) (?:you|u|it|i) ",
        r"(?:got|received|get|gotten|see|have) no (?!more contact)|(?:have|did|has) not (?:received|gotten|get|got|seen|receive)",
        r"(?:different|new|other|another) (?:phone )?number (?:for (?:you|that|this)|to (?:call|reach|text|use)|is|here|you can)|(?:my|his|her|our) (?:son|daughter|wife|husband|kids?|team|friend|boss) (?:opted|unsubscribed|stopped|quit)",
        r"(?:is|are) not (?:here|in|home|available|around)(?: right now| at the moment| today|"
        r" now)?$|not here right now|wrong (?:guy|person|girl) to (?!text|call|contact)",
        r"(?:do not|did not|never|not|can not|will not|would not|not going to|"
        r"please do not) (?:(?!interested )\w+ )?"
        r"(?:stop|unsubscribe|remove me|opt out|cancel|quit|take me off|delete me)(?! you)",
        r"wrong number of|not (?:the |a )?wrong (?:number|person)|(?:is|was) not (?:the )?wrong",
        r"(?:text|call|email|message|write|whatsapp|ring|phone|reach) (?:me |us )?(?:instead|"
        r"rather|only)"
        r"|(?:text|email|call|message)s? (?:me )?only|only (?:text|call|email|message)|"
        r"prefer (?:text|call"
        r"|email|message)\w*|instead of|on my (?:other|new|work|personal)|at my (?:other|new|work)",
        r"(?:stop|do not|quit|no) .{0,60}(?:until|till|before|after|between \d|for now|so late|"
        r"so early|this late"
        r"|this early|today|tonight|tomorrow|this week|at the moment|at night|yet|during|"
        r"on weekends?"
        r"|on sundays?|at work|while (?:i|we)|in the (?:morning|evening|middle)|"
        r"at this (?:time|hour))",
        r"(?:do not) (?:call|text|message|contact|write)(?: me| us)? (?:right )?now",
        r"(?:do not|no longer) (?:want|need) to (?:cancel|miss|be late|stop)",
        r"(?:stop|stopped|stopping|stops) (?:by|at|in|over|for|the(?! (?:text|messag|call|sms|spam|marketing|promo|notif|alert|communication|harass|robocall|ads?\b))|off|here|there|to|on|"
        r"working|raining"
        r"|bleeding|smoking|drinking|laughing|crying|worrying|apologi\w+|believing|my (?:car|"
        r"order|service"
        r"|payment|card|delivery)|sign|loss|watch)",
        r"(?:bus|train|next|first|last|full|non|one|pit|rest|can not|could not|truck|f) stop",
        r"(?:i|we) (?:may |might |must |just |think i |think we |have |probably |"
        r"accidentally |could |guess i )*"
        r"(?:texted|sent|gave|put|entered|typed|wrote|called|dialed|used|have|had|left|listed|"
        r"provided"
        r"|messaged|messed|input|written|saved) (?:\w+ ){0,4}wrong",
        r"(?:did|do|have|had) (?:i|we) (?:\w+ ){0,4}wrong",
        r"(?:if|unless|in case|whether|maybe) (?:\w+ ){0,5}(?:wrong|stop|right number|"
        r"unsubscribe|not the)",
        r"end of (?:the |this )?(?:day|week|month|year|message|call)|week ?end|in the end|the end",
        r"(?:cancel|quit|end|remove|delete) (?:my |the |this |our |that )?(?:appointment|"
        r"order|reservation"
        r"|booking|meeting|job|call|visit|service|membership|policy|contract|delivery|lease|"
        r"flight|trip"
        r"|item|payment|card|application|account|session|stuff|stain|tumor|stitches)",
        r"(?:number|name|address|phone) (?:from|on|in) (?:the |my |your )?(?:order|invoice|"
        r"contract|form|ticket"
        r"|bill|application|quote|receipt|account|profile|website|site|file|card|registration|"
        r"reservation)",
        r"(?:appointment|order|invoice|doctor) .{0,60}(?:wrong|cancel)|(?:said|thought|"
        r"told me) (?:\w+ ){0,3}wrong"
        r" (?:number|person)",
        r"(?:he|she|they|who|kids?|dog|rain|people|you) (?:will not|can not|do not|never|"
        r"should|told me to"
        r"|said to|asked me to) stop",
        r"(?:he|she|they|who|nobody|people|it|you guys|your (?:office|team|driver)) (?:just |"
        r"has |have )?(?:never|no longer"
        r"|do not) (?:call|text|contact|message|write|send|return)",
        r"(?:can not|could not|can i|where|how) (?:\w+ ){0,4}(?:find|is) (?:the |an |"
        r"your )?(?:unsubscribe|opt out)",
        r"(?:i|we) (?:will|am going to|plan to|might|may) (?:unsubscribe|cancel|opt out|stop)",
        r"(?:is|was) this (?:a |the )?(?:wrong|right)|(?<!not the )right number|(?:keep|stay) (?:on|in)",
        r"(?:unsubscribe|opted out|opt out|stop\w*) (?:\w+ ){0,3}(?:by (?:mistake|accident)|"
        r"accidentally)"
        r"|(?:accidentally|by mistake) (?:\w+ ){0,3}(?:unsubscribe|opt\w* out|stop\w*)",
        r"but (?:you can|please (?:email|call|text|keep)|keep|still|i still|do (?:call|email|"
        r"text))",
        r"my (?:mistake|bad|fault)|ignore (?:that|my|this|the)|never ?mind|disregard",
        r"used to be my|my new number|this is my number|my (?:old|previous) number",
        r"(?:stop|quit) (?:this|that|these|the) (?!text|messag|call|sms|spam|harass|shit|crap|"
        r"bs|bullshit|now"
        r"|nonsense|please|stuff|thing|ad|email|notif|promo|number|madness|already|automated|"
        r"marketing"
        r"|alert|communication|political|constant|endless|damn|fucking)\w+",
        r"(?:we|they|people|someone|somebody|you all|must) (?:have to|need to|must|should|"
        r"got to) stop (?!text"
        r"|call|contact|messag)",
    ),
    asks_how=(
        r"(?:how (?:do|can|could|should|would|does|to|2|might)|where (?:do|can|could|should)|what ?(?:is|s) the (?:way|process|procedure|method)|who (?:do|can|should|must) i (?:contact|call|text|ask|email|tell|talk to|write))(?: (?:i|we|you|u|one|someone|for|to|just|please|even)){0,3} (?:leave|leaving|exit|quit|escape|end|ending|get out of|get off|get rid of|be removed|be deleted|be taken off|get removed|get deleted|cancel|mute|block|disable|decline)(?: (?:this|that|the|your|ur|these|those|all|any|from|my|of|such|annoying|stupid|a|mailing|text|sms|message|marketing|messaging)){0,4} (?:lists?|subscriptions?|texts?|messages?|sms|mailings?|alerts?|notifications?|spam|campaign|database|program|promos?|promotions|ads)",
        r"^(?:(?:hi|hello|hey|please|sorry|so|and|ok|well|then) ){0,2}how (?:do|can|could|should|would|does|to|2)(?: (?:i|we|one))? (?:leave|exit|cancel|opt out|unsubscribe|decline|block|mute|get out|get rid of|get off)(?: (?:this|these|those|that|it|you|u|yall|of|from|all|please|thanks|then|here)){0,3}$",
        r"^who (?:do|can|should|must) i (?:contact|call|text|ask|email|tell|talk to|write)(?: to)? (?:to |about )?(?:be|get|being|getting) (?:removed|deleted|taken off|unsubscribed)|where ?(?:is|s) (?:the|your) (?:unsubscribe|opt out)",
    ),
    weak=(
        r"do not want (?:these|this|those|them|it)|tcpa|fcc|ftc|(?:you are|i am) block(?:ed|ing)|scam\w*|i am calling the police|"
        r"off (?:this|your|the) list|stop\w*|unsubscri\w+|opt(?:ed|ing)? out|wrong (?:number|person)|remove me|remove my|"
        r"do not"
        r" (?:call|text|contact|message)|not interested|spam\w*|harass\w*|sue you|report(?:ed|"
        r"ing)? (?:you"
        r"|this)|how did you get (?:my|this)|never signed up|did not sign up|delete my|lawyer|"
        r"illegal"
        r"|who is [a-z]+|not my|deceased|passed away|died|cancel (?:my )?(?:subscription|"
        r"account)|quit"
        r"|right number|right person|(?:i )?changed my number",
    ),
    question_starts="""
        is this|is that|is it|did i|did you|do you|do i|are you sure|are you|how do i|how can i
        how to
        what happens|should i|can i|could i|may i|was that|was this|have i|does this|will i
        when will
        has (?:he|she|it|they|[a-z]+) (?:changed|moved|got)|does (?:he|she|anyone)|is (?:he|she|there)
        if i|what number|which number|why did i|have you got|do you have|am i
    """,
    request_starts="""
        (?:can|could|will|would|wont|cant|will not|can not) (?:you|someone|somebody|y all|yall)
        (?:can|could|may|might) (?:i|we) (?:(?:please|just|kindly|also) )*(?:be|get)
        (?:please )?stop (?:texting|calling|contacting|messaging)|you have the wrong
        you have got the wrong
        why (?:are|do|does|would) (?:you|they).{0,60}(?:stop|leave me|remove)|remove me|i think you
        take me off
        why will not you|you got the wrong|how many times|do not (?:text|call|contact|message) me
    """,
    denials=(
        r"(?:we|i) (?:don'?t|do not|dont) have (?:a|any)", r"no (?:idea|clue) who",
        r"this not", r"i ain'?t",
        r"(?:i'?m|i am|im) not", r"(?:this|that|it|number|phone)(?: is|'s|s)(?: definitely)? not",
        r"(?:this|that|it|phone|number) (?:isn'?t|ain'?t|is no longer|no longer)",
        r"sorry,? (?:but )?not",
        r"^(?:nope|no),? not", r"^not", r"there(?: is|'?s)? no",
        r"(?:don'?t|do not|dont) know (?:a|any)",
        r"(?:it|this) is not", r"(?:this is|i'?m|it'?s) [A-Za-z]+,? (?:and )?not",
        r"(?:my )?name(?: is|'s|s)? (?:not|isn'?t)", r"my name isn'?t",
        r"haven'?t (?:ever )?heard of",
    ),
    no_such_person=(
        r"(?:don'?t|do not|dont) (?:even )?know(?: who)?", r"(?:phone|number|cell),? not",
        r"(?:the|a|you want a) wrong", r"no", r"there(?: is|'?s)? (?:no|not a|not any)", r"not a"
    ),
    abbreviations={
        "pls": "please", "plz": "please", "plse": "please", "pleas": "please", "u": "you",
        "ur": "your", "r": "are", "txt": "text", "txts": "texts", "txting": "texting",
        "texing": "texting", "msg": "message", "msgs": "messages", "msging": "messaging",
        "num": "number", "nbr": "number", "numer": "number", "numbr": "number", "nummber": "number",
        "numba": "number", "#": "number", "wrng": "wrong", "rong": "wrong", "worng": "wrong",
        "wong": "wrong", "dnt": "do not", "donot": "do not", "thx": "thanks", "ty": "thanks",
        "sotp": "stop", "stpo": "stop", "stap": "stop", "unsuscribe": "unsubscribe",
        "unsubcribe": "unsubscribe", "unsubscibe": "unsubscribe", "unsubscribed": "unsubscribe",
        "unscribe": "unsubscribe", "im": "i am", "ill": "i will", "youll": "you will", "its": "it is", "isnt": "is not", "dont": "do not", "dun": "do not", "dnot": "do not", "stahp": "stop",
        "doesnt": "does not", "didnt": "did not", "wont": "will not", "cant": "can not",
        "cannot": "can not", "arent": "are not", "wasnt": "was not", "aint": "is not",
        "youve": "you have", "ive": "i have", "youre": "you are", "thats": "that is",
        "theres": "there is", "whos": "who is", "wouldnt": "would not", "shes": "she is",
        "hes": "he is", "havent": "have not", "hasnt": "has not", "gonna": "going to",
        "wanna": "want to", "yall": "you all", "y": "y", "nr": "number", "no1": "no one",
        "noone": "no one", "mesage": "message", "mesages": "messages", "agian": "again",
        "plase": "please", "stoping": "stopping", "txtng": "texting", "callin": "calling",
        "textin": "texting", "txtin": "texting", "stopsms": "stop sms", "messagin": "messaging", "cellphone": "cell",
        "unsubscribing": "unsubscribe",
    },
)  # fmt: skip
