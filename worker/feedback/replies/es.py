"""Spanish, as written in Spain and in the Americas."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_DO = (
    "(?:envi(?:e|en|es|eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme|a|as)|mand(?:e|en|es|eis|ar|"
    "arme|arnos|ando|ado|ada|arle|enme|eme|a|as)|escrib(?:a|an|as|ais|ir|irme|irnos|iendo|anme|"
    "ame)|llam(?:e|en|es|eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme|arles)|contact(?:e|en|es|"
    "eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme)|molest(?:e|en|es|eis|ar|arme|arnos|ando|ado|"
    "ada|arle|enme|eme)|mar(?:quen?|car|carme|cando)|texte(?:ar|arme|en|ando|e|es)|fastidi(?:e|"
    "en|es|eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme)|insist(?:a|an|ir|iendo)|acos(?:e|en|es|"
    "eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme)|hostig(?:ar|arme|ando|uen|ue)|habl(?:e|en|es|"
    "eis|ar|arme|arnos|ando|ado|ada|arle|enme|eme)|jod(?:an|a|er|iendo)|spam(?:ear|een|eando))"
)
_THINGS = (
    "(?:mensajes?|mensajitos|sms|textos?|llamadas?|correos?|publicidad|propaganda|promociones|"
    "anuncios|spam|avisos|ofertas|whatsapps?|notificaciones)"
)
_MY = (
    "(?:mi (?:numero|telefono|celular|movil|contacto|nombre)|este (?:numero|telefono|celular|"
    "movil)|mis datos)"
)

LANGUAGE = Language(
    code="es",
    exact_opt_out="""
        alto|parar|para|pare|paren|baja|baja ya|cancelar|cancela|cancele|cancelen|basta|basta ya
        detener
        detenganse|detente|alto ya|darme de baja|dar de baja|deme de baja|denme de baja|fin|salir
        eliminar
        eliminarme|borrar|borrarme|desuscribir|desuscribirme|desuscribirse|anular|ya basta|no mas
        no molestar
        no molesten|no moleste|remover|stop sms|bloquear|terminar|suspender|ya no|quitar|quitarme
        para ya
    """,
    politeness="""
        adiós|adios|por favor|porfavor|porfa|xfa|favor|gracias|muchas gracias|hola|buenos dias|buenas tardes
        buenas
        buenas noches|ok|ya|si|señor|señorita|señores|perdon|disculpe|disculpen|quiero|ahora
        solicito
    """,
    declines=r"""
        no|nop|no gracias|gracias no|no hace falta|no lo necesito|no necesito nada
        (?:(?:yo|la verdad|ya) )?no (?:me|nos) (?:interesa|interesan)(?: nada| para nada| eso| esto| el tema)?
        (?:(?:yo|ya) )?no (?:estoy|estamos) interesad[oa]s?(?: en (?:eso|esto|nada))?|sin interés|no tengo interés|cero interés
        nunca más|jamás|nunca jamás
        (?:yo )?(?:nunca|no|jamás) (?:me )?(?:suscribí|inscribí|registré|apunté)(?: a (?:esto|eso|nada)| en (?:esto|eso|nada))?
        (?:yo )?(?:nunca|no) (?:autoricé|autorizo|di permiso|di mi consentimiento|he dado permiso|he dado mi consentimiento)(?: para (?:esto|eso)| esta llamada| estas llamadas| sus llamadas| estos mensajes| sus mensajes)?
        no (?:llamar|contactar|escribir|molestar|enviar|insistir)(?:me|nos)?(?: más)?|favor no contactar|no volver a (?:llamar|contactar|escribir|molestar)(?:me|nos)?
        (?:por favor )?no (?:llames?|llamen|llaméis|marques?|marquen|escriba[sn]?|contacte[sn]?|textee[ns]?)(?: (?:por favor|ahora|hoy|ya|yo (?:te|le|les|los) (?:llamo|llamaré|escribo)|yo (?:llamo|llamaré)|(?:te|le|les|los) llamo yo))*
        (?:qué |son |sois |muy )*(?:pesados|pesadas|molestos|molestas|fastidiosos)|cállate|cállense|qué fastidio
        (?:te|los|las|le|les|lo|la|os) (?:voy a |vamos a )?(?:bloquear|bloqueo|bloqueamos|bloquearé)|bloquead[oa]s?|bloqueando
        (?:usted |ustedes |ya )*(?:ha|has|han|habéis|fue|fueron) (?:sido )?(?:reportad|denunciad)[oa]s?|(?:su |este |el )?número (?:ha sido |fue |queda |está )?(?:reportado|denunciado)|(?:ya )?(?:te|le|les|los|las|lo|la|os) (?:he |hemos )?(?:reporté|reportado|denuncié)
        (?:esto |eso )?(?:es |parece )?(?:una |un |pura )?(?:estafa|fraude|timo)|(?:son |sois )?(?:unos |puros )?(?:estafadores|ladrones|timadores|rateros)
        (?:ustedes )?(?:me|nos) (?:llaman|escriben|mandan|marcan|envían|molestan)(?: (?:mensajes|sms))? (?:a cada rato|todo el (?:tiempo|día|rato)|todos los días|cada (?:día|hora|rato)|siempre|a diario|sin parar|demasiado|muchas veces|constantemente)|no paran de (?:llamar|escribir|molestar|marcar|mandar)\w*(?: \w+)?
        (?:(?:voy|vamos) a (?:llamar|avisar)|llamaré|llamo|aviso) a la policía|(?:los|las|le|les|te) (?:reporto|denuncio)
        (?:(?:yo|nosotros) )?(?:ya )?no (?:lo |la |los )?necesit(?:o|amos)(?: (?:eso|esto|nada|nada de eso|sus servicios|su \w+|más))?
    """,
    exact_opt_in="alta|iniciar|empezar|comenzar|suscribir",
    call_words="llam|telefone",
    opt_in=(
        r"(?:darme|dame|deme|denme) de alta",
        r"(?:suscribame|suscribanme|suscribeme|volver a suscribirme)(?: otra vez| de nuevo)?",
        r"vuelvan? a (?:mandarme|enviarme|escribirme)(?: mensajes)?",
    ),
    weak_wrong_number=(
        r"soy (?:su|el|la) (?:espos[oa]|marido|mujer|herman[oa]|hij[oa]|madre|mama|padre|papa|cunad[oa]|secretari[oa]|asistente)\b",
        r"^(?:yo )?no conozco a (?!nadie)\w+",
        r"dejo (?:la|esta|nuestra) (?:empresa|compania)|(?:ya )?no (?:esta|sigue) en la (?:empresa|compania)",
        r"(?:fallecio|fallecido|fallecida|murio|se murio|ha muerto|esta muert\w|ya no esta con nosotros|ya no vive entre nosotros|en paz descanse)",
        r"(?:es|somos|esto es) (?:una|un|el|la) (?:numero de )?(?:empresa|negocio|oficina|tienda|comercio|telefono fijo|consultorio|hotel|restaurante|escuela)",
        r"(?:quien|kien) (?:es|eres|habla|sos)(?: (?:este|esta|usted|tu|ud))?$",
        r"de parte de quien",
        r"(?:nuevo|nueva) (?:dueno|duena|titular|propietari\w)",
    ),
    opt_out=(
        r"(?:me|nos) (?:puede|pueden|podria|podrian|puedes|podeis) (?:por favor )?(?:quitar|borrar|sacar|eliminar|retirar|dar de baja)|ser (?:eliminad|borrad|retirad|quitad)[oa]s? de (?:su|la|esta|esa|todas?)",
        r"(?:ped|dij|solicit|avis|adverti)\w+ (?:\w+ )?que (?:ya )?no (?:me |nos )?(?:vuelvan a )?(?:llam|escrib|contact|mand|envi|molest|marc|texte)\w+",
        r"(?:consentimiento|permiso|autorizacion) (?:esta |queda )?(?:revocad[oa]|retirad[oa]|cancelad[oa])",
        r"(?:saquen|saque|quiten|quite|borren|borre|eliminen|elimine|sacar|saca|quita|borra)(?:me|nos)? (?:de (?:su|la|esta|tu|esa|todas? \w+) )(?:\w+ )?(?:lista|base de datos|base|sistema)",
        r"(?:borr|olvid|elimin|pierd)\w+ mi numero",
        r"(?:parenle|parale|bajenle|corten(?:la|le)|terminen) (?:ya )?(?:con|a) (?:los|las|el|la|sus|estos|estas|tanto\w*|tanta\w*) \w+",
        r"prefer\w+ no (?:recibir|ser|que me)(?: \w+){0,3}|(?:exijo|solicito|pido|"
        r"demando) (?:la |el )?(?:eliminacion|baja|cancelacion|supresion|borrado)(?: \w+){0,4}",
        rf"(?:deje|dejen|deja|dejad|dejar|pare|paren|para|parar|parad|cesen|cese) (?:ya |"
        rf"por favor )?de"
        rf" (?:estar )?(?:me |nos )?{_DO}\w*",
        rf"(?:no|nunca|jamas) (?:mas )?(?:quiero que |deseo que |quiero |deseo |"
        rf"me gusta que )?(?:me |nos )?(?:vuelv\w+ a"
        rf" |vayan a |sigan |siga |esten |este )?(?:me |nos )?{_DO}(?:me|nos|"
        rf"le)?(?: \w+){{0,3}}? ?(?:mas|nunca"
        rf"|otra vez|nunca mas|jamas|de nuevo)",
        rf"(?:no|nunca)(?: mas)?(?: me| nos)? (?:vuelv\w+ a |vuelva a |siga\w* |"
        rf"continu\w+ ){_DO}\w*",
        r"no (?:me|nos) (?:envie|envien|envies|mande|manden|mandes|escriba|escriban|escribas|"
        r"llame|llamen|llames"
        r"|contacte|contacten|contactes|moleste|molesten|molestes|texteen?|marque|marquen|"
        r"insistan?|hablen?"
        r"|sigan?|fastidien?|jodan?|acosen?)(?! (?:ahora|hoy|manana|antes|despues|hasta|"
        r"a esta|tan|por la|en la))",
        rf"(?:no|ya no|nunca) (?:quiero|deseo|quisiera|autorice|autorizo|pedi|solicite|"
        rf"queremos|doy permiso"
        rf"|consiento|necesito|acepto)(?: (?:que|para|de|seguir|mas|recibir|recibiendo|ser|"
        rf"estar|sus|estos|estas|tus"
        rf"|ningun\w*|me|nos|volver a|su|tanta|tantos|"
        rf"mi consentimiento para)){{0,4}} (?:{_THINGS}|{_DO}|contactad\w"
        rf"|molestad\w|recibir\w*|suscrit\w|informacion|nada de (?:ustedes|usted))",
        rf"(?:no|ya no|basta(?: ya)? de|nada de|ni un|ningun) (?:mas |tantos |sus |estos )?{_THINGS}",
        rf"(?:elimin\w+|borr\w+|quit\w+|remuev\w+|remov\w+|sac\w+|retir\w+|saque\w*|"
        rf"suprim\w+) (?:a )?(?:{_MY}|mi (?:informacion|registro|cuenta de sms))",
        r"(?:elimine|eliminen|borre|borren|quite|quiten|quita|quitad|saque|saquen|saca|retire|"
        r"retiren|remueva"
        r"|remuevan|borra|elimina|quitar|eliminar|borrar|sacar|desuscriba|desuscriban|"
        r"desuscribe|excluya"
        r"|excluyan)(?:me|nos)\b",
        r"(?:dar|den|de|dame|deme|denme|darme|dad|dadme|dense|tramit\w+|solicito|quiero|pido|"
        r"deseo) ?(?:me|nos)?"
        r" ?(?:de |la |mi |darme de |de la )+baja",
        r"(?:quiero|deseo|quisiera|solicito|exijo|pido) (?:que me )?(?:desuscribir\w*|"
        r"cancelar (?:la |mi )?"
        r"suscripcion|darme de baja|salir de (?:la|esta|su) lista|dejar de recibir|"
        r"ser (?:eliminad|removid|borrad"
        r")\w|anular|eliminen?|borren?|quiten?|saquen?)",
        r"(?:dejar|dejen|deje) de recibir",
        r"(?:dejen|deje|deja|dejad)(?:me|nos) (?:en paz|tranquil\w|ya)",
        r"(?:vayan|vayase|vete|vete|andate) (?:a la|al) (?:mierda|carajo|diablo|chingada|verga)",
        r"(?:pierd\w+|olvid\w+|bloque\w+) (?:mi|este) (?:numero|telefono|contacto)",
        r"(?:revoco|retiro|cancelo) (?:mi |el |todo )?(?:consentimiento|permiso|autorizacion)",
        r"(?:no molest\w+|ya basta|basta ya)(?: por favor| mas)?$",
        r"cancel\w+ (?:la |mi |esta )?suscripcion",
        r"no (?:me )?(?:envi|mand|escrib)\w+ (?:mas |ya )?(?:nada|nunca|ningun\w*|"
        r"mas)(?: \w+)?|ya (?:dejen|deje|deja|paren|basta)(?: de)? \w+",
        r"lista robinson|no me interesa (?:y )?(?:por favor )?(?:no|dej|borr|elimin|quit)\w*",
        r"cesen? (?:toda |de |todo )?(?:comunicacion|contacto)",
    ),
    wrong_number=(
        r"ya no es (?:mi|nuestro) (?:numero|telefono|celular|movil)",
        r"soy (?:el|la) (?:nuev\w) (?:duen\w|titular|propietari\w)(?: \w+){0,4}",
        r"este numero (?:me lo (?:dieron|asignaron)|ahora es mio|ya es mio|es mio ahora)",
        r"(?:tiene|tienes|anoto|anotaste|marco|apunto) mal (?:el|mi|ese)? ?numero|(?:busca|buscas|buscan|buscando|esta buscando) a (?:otra persona|alguien mas|otro)|ni idea de quien es",
        r"(?:ya )?no (?:le )?pertenece (?:mas )?a \w+|(?:tiene|ha marcado|marco|llamo a) (?:el |un )?(?:numero|telefono) (?:equivocado|incorrecto|erroneo)",
        r"numero (?:ahora |ya )?(?:es|pertenece|lo tiene|lo usa)(?: ahora)? (?:de |a |"
        r"ahora )*(?:otra persona|otro dueno|alguien mas)|mensaje (?:no es|no era) para mi",
        r"(?:numero|telefono|persona|contacto|celular|movil|destinatario) (?:esta |es |"
        r"estan )?(?:equivocad\w"
        r"|erroneo|incorrecto|errado|incorrecta|erronea|que no es)(?! (?:de|en|el pedido|"
        r"la factura))",
        r"(?:esta|estas|estan|se ha|se han|te has|os habeis|creo que se|creo que te|se|te|"
        r"usted se|ustedes se)"
        r" (?:\w+ )?(?:equivocad\w|equivoc[oa]\w*|equivocando|confundi\w+|confundiendo|"
        r"marco mal|marcaste mal)"
        r"(?: de)?(?: numero| persona| telefono)?",
        r"^equivocado|^numero equivocado|^equivocad[oa]$",
        r"(?:este|esto|ese|ya|el)?(?: numero| telefono| celular| movil)? ?(?:no es|ya no es|"
        r"no pertenece|ya no pertenece|nunca fue)"
        r" (?:el |su |mas |a )*(?:numero|telefono|celular|movil|de ella|de el|de esa persona|"
        r"esa persona|a esa persona)"
        r"(?! (?:de (?:pedido|factura|cuenta)))",
        r"no (?:soy|es) (?:esa|la|el|ese|quien|a quien|esta) (?:persona|que busc\w+|cree\w*|"
        r"busc\w+|indicad\w|piensa\w*"
        r"|a quien busca|dueno|titular)",
        r"no soy (?:yo|el|ella|quien)(?: que| a quien)? ?(?:busc\w+)?$",
        r"no (?:conozco|conocemos|se quien es|sabemos quien es|conosco) (?:a )?(?:nadie|"
        r"ningun\w*|esa persona|ese|esa"
        r"|ella|el|esa senor\w*|ese senor)",
        r"(?:aqui|aca|en este numero) no (?:vive|hay|es|trabaja|se encuentra|existe|"
        r"esta)(?: \w+){0,3}",
        r"no (?:vive|trabaja|labora)(?: mas)? (?:aqui|aca|en esta|con nosotros|para nosotros)|"
        r"ya no (?:vive|trabaja|labora"
        r"|esta|usa|tiene|utiliza)(?: \w+)? ?(?:aqui|aca|este|con nosotros|para|en la empresa|"
        r"en esta)",
        r"no hay (?:nadie|ningun\w*)(?: persona)?(?: aqui| aca)? (?:con ese nombre|llamad\w|"
        r"que se llame|con este nombre|de nombre|asi)",
        r"(?:cambio|cambiaron|cambi[oa]) (?:de|su|el) (?:numero|telefono|celular)|"
        r"tiene otro (?:numero|telefono|celular)",
        r"(?:acabo de (?:adquirir|recibir|comprar|obtener|sacar|estrenar|contratar)|"
        r"me (?:dieron|asignaron|acaban de dar)"
        r"|compre|recien (?:tengo|saque|compre|adquiri)) (?:este|esta|el) (?:numero|linea|"
        r"chip|telefono)",
        r"(?:tengo|llevo|teng[oa]) (?:con )?este (?:numero|telefono)(?: \w+)? (?:desde|hace|"
        r"\w+ (?:anos|meses))|hace \w+ (?:anos"
        r"|meses|semanas|dias) que tengo este (?:numero|telefono)|este (?:numero|"
        r"telefono) (?:es mio|ahora es mio|era de|fue"
        r" reasignado|lo tengo)",
        r"(?:persona|el|ella|dueno) ya no (?:usa|tiene|utiliza|responde|"
        r"contesta)(?: \w+)? (?:este|ese) (?:numero|telefono|celular)|(?:llam|mand|envi|"
        r"escrib|marc)\w+ (?:\w+ ){0,3}(?:numero|persona|telefono) equivocad\w|^aqui no es$",
        r"(?:antiguo|anterior|viejo) (?:dueno|titular|propietario)",
        r"(?:busca|buscan|buscas) a otra persona|era para otra persona"
        r"|no (?:es|era) para mi|(?:es|era) para otra persona|otra persona tiene",
        r"marco (?:el numero )?equivocado",
        r"(?:soy|es|habla|somos) otra persona|\w+ ya no (?:usa|tiene|utiliza|vive|trabaja|"
        r"contesta|responde)(?: \w+)? ?(?:este|ese|aqui|aca|en|con|desde)?(?: numero|"
        r" telefono| celular)|(?:era|fue) (?:el )?numero de|numero (?:anterior|viejo) de",
        r"no me llamo (?:asi|\w+)|mi nombre no es|ese no es mi nombre|no es mi nombre",
    ),
    complaint=(
        r"(?:denunci|report)(?:ar|are|aremos|o|amos|ando|e)(?:l[oae]s?|te|le)? (?:\w+"
        r" ){0,2}(?:a|ante|con|en) (?:la |el |los )?"
        r"(?:\w+ )?(?:aepd|profeco|policia|autoridad\w*|consumo|agencia|condusef|sernac|ift"
        r"|fcc|facua|ocu|guardia civil)",
        r"(?:los|las|les|le|te) (?:voy a |vamos a )(?:denunciar|demandar)|(?:los|las|te|le)"
        r" (?:denunciare|denunciaremos|demandare|demandaremos)",
        r"esto (?:ya )?es (?:un )?(?:acoso|hostigamiento)|me estan (?:acosando|hostigando)",
        r"mi abogad[oa] (?:se |los |les |le |te |va )(?:\w+ ){0,4}(?:contact\w*|comunic\w*"
        r"|demand\w*)(?: con (?:ustedes|usted|vosotros))?$",
        r"(?:pondre|voy a poner|presentare|voy a presentar|interpondre) una (?:denuncia"
        r"|demanda|queja|reclamacion)",
    ),
    corrected=(
        r"(?:mi|nuestro) (?:numero|telefono|celular|movil) (?:va a cambiar|cambiara|cambia (?:el|la|en|pronto))|(?:voy|vamos) a cambiar (?:de|mi|el) (?:numero|telefono|celular|movil)|(?:actualizar|cambiar) (?:mi|el) (?:numero|telefono|celular) (?:de|en)",
        r"mi (?:nuevo |otro )?(?:numero|telefono|celular|movil) (?:nuevo |correcto"
        r" )?(?:ahora )?es (?:ahora )?(?:el )?\d[\d ]{3,}",
        r"(?:us[ea]n?|escrib\w+|llam\w+|contact\w+) (?:\w+ ){0,3}(?:al|a|el) (?:numero"
        r" )?\d[\d ]{5,}",
        r"el numero (?:correcto|nuevo|bueno) es (?:el )?\d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:este |ese |si )?(?:sigue siendo|es) mi numero(?: actual| de telefono)?|(?:es"
        r" )?(?:el )?numero (?:es |esta )?correcto",
        r"sigo (?:teniendo|usando|con) (?:este|el mismo) numero|tiene el numero correcto",
    ),
    uncertain=(
        r"no (?:quiero|deseo|queremos|quisiera) (?:dejar de|que me (?:borren|eliminen|quiten|saquen|den de baja)|ser (?:eliminad|borrad)\w)|(?<!si )(?<!que )no (?:me|nos) (?:borr?en|borres|borre|eliminen|elimines|elimine|quiten|quites|quite|saquen|saques|saque|den de baja|des de baja|de de baja|desuscriban)",
        r"lista de espera|(?:de|en) (?:la )?copia|de la (?:reunion|invitacion|agenda|nomina|plantilla|poliza)",
        r"(?:todavia|aun)(?: no)?$|no (?:me|nos) (?:mand|envi)\w+ (?:el|la|los|las|mi|su|ese|esa) (?:contrato|factura|direccion|pedido|codigo|documento|recibo|paquete|formulario|presupuesto|cotizacion)\w*",
        r"(?:al|en el|en mi) trabajo|mi (?:ex|\w+) no (?:para|deja)|\w+ no para de (?:ladrar|llover|llorar)",
        r"mi (?:numero|nombre|direccion|correo|apellido) (?:esta|estaba|sale|aparece) (?:mal|equivocad\w|incorrect\w)",
        r"equivocad\w (?:de )?(?:talla|fecha|dia|hora|direccion|color|pedido|puerta|piso|tamano|autobus|producto)|(?:talla|fecha|dia|hora|direccion|color|pedido|producto|puerta|tamano) (?:esta )?(?:equivocad\w|incorrect\w)",
        r"(?:mensajes|sms|textos|llamadas) (?:estan|esta) bien|pero (?:si )?(?:los mensajes|los sms|por sms)",
        r"(?:estoy|voy) (?:manejando|conduciendo|en una reunion|en clase|durmiendo)|sin (?:bateria|saldo)",
        r"nunca me (?:llamas|escribes|contestas|hablas)",
        r"no (?:he |me |nos |ha |han )*(?:recibi(?:do|mos)?|llego|llegaron|llegado|llegan|llega)\b|(?:recibi|tengo|tuve|veo|vi) ningun\w*",
        r"no (?:es|esta|era) (?:un |el |la |numero |equivocad\w).{0,60}equivocad\w",
        r"(?:me|nos|le|les) (?:he |hemos |habre )?(?:equivoqu?e"
        r"|equivocado|equivocamos|confundi)|(?:puse|di|deje|escribi|marque|anote|envie|mande|"
        r"tenia|tengo) (?:\w+ ){0,4}"
        r"(?:mal|equivocado|erroneo|incorrecto)",
        r"(?:numero|telefono) (?:de|del) (?:pedido|factura|cuenta|orden|seguimiento|contrato)",
        r"(?:cancelar|cancelen|cancela|cancele|anular) (?:la |mi |el |una |esa |ese |"
        r"de )*(?:cita|pedido|reserva|orden|reunion"
        r"|servicio|visita|compra|poliza|contrato|cuenta|viaje)",
        r"no (?:pare|paren|dejen|deje|dejes|pares|cancelen|quiero (?:cancelar|darme de baja|"
        r"que dejen))",
        r"(?:llam\w+|escrib\w+|envi\w+|mand\w+) .{0,60}(?:mejor|solo por|solamente|en vez|"
        r"en lugar)|mejor (?:por|un|me)|(?:por|al) (?:correo"
        r"|whatsapp) (?:mejor|por favor)|solo (?:por )?(?:mensajes?|llamadas?|whatsapp|"
        r"correo)|al otro (?:numero|telefono)",
        r"(?:ahora no|hasta (?:el|la|manana)|antes de|despues de|hoy no|por la noche|"
        r"tan (?:tarde|temprano)|a esta hora|a estas horas"
        r"|estoy trabajando|por ahora|los domingos|manana)",
        r"parada (?:de|del)|en paro|alto (?:precio|costo|nivel|grado)"
        r"|baja (?:de precio|medica|temporada|maternidad|laboral|calidad|por enfermedad)|"
        r"de baja (?:medica|laboral|por)|fin de",
        r"si (?:es|esta|fuera|estoy|no es|me equivoc\w*)(?: \w+){0,3} (?:equivocad\w|numero)|"
        r"mi nuevo numero|mi numero nuevo|cambie de numero",
        r"(?:el|la|ella|mi \w+|nino|perro) no (?:para|deja) de",
    ),
    asks_how=(
        r"como (?:me |le |hago (?:para |pa )|puedo |se |podria |debo |tengo que ){0,3}(?:borr|quit|elimin|desuscrib|desapunt|salg|sali[rd]|dej|cancel|anul|bloque|deten|par)\w*(?: (?:de|del|la|las|esta|este|estos|su|sus|el|los|recibir|mi|numero)){0,4} (?:lista|listas|mensajes?|sms|textos|suscripcion|publicidad|spam|base)",
        r"^como (?:me |hago para |puedo |se )?(?:cancelo|cancelar|cancela|salgo|salir|salgo de (?:aqui|esto)|salirme|anulo|anular|me borro|borrarme|bloqueo|bloquear|bloquearlos|bloquearte)(?: (?:esto|esta|esos|de|aqui))*$",
        r"(?:a quien|con quien|donde) (?:le )?(?:escribo|hablo|llamo|contacto|puedo) (?:\w+ ){0,2}(?:para|pa) (?:que )?(?:me )?(?:borr|quit|elimin|sac|sali)\w*",
    ),
    weak=(
        r"equivocad\w|basta|darme de baja|de baja|no me (?:llam|escrib|envi|mand|molest|"
        r"interesa)\w*|desuscri\w+|spam|acoso|denunci\w+"
        r"|quien es \w+|cancelar|dejen de|deje de|no mas|paren|(?:fallecio|murio)|demanda\w*|"
        r"de donde sac\w+ mi",
    ),
    question_starts=(
        "es este|este es|esta es|sera|es el|como (?:puedo|hago|me)|que pasa si|me equivoque|debo|"
        "puedo|quieren|quiere|hay alguna forma|es usted"
    ),
    request_starts=(
        r"(?:me|nos) (?:puede|pueden|podria|podrian|puedes|podeis) |(?:puedo|podria|podemos) ser |"
        r"(?:puede|pueden|podria|podrian|puedes|podeis) (?:por favor )?(?:dej|elimin|borr|quit|"
        r"par|dar|no|sac)\w*|por que (?:me )?siguen|hasta cuando"
    ),
    denials=(
        r"idea de qui[eé]n es", r"no s[eé] qui[eé]n es",
        r"no soy(?: el| la)?", r"no (?:es|era) (?:el (?:numero|tel[eé]fono|celular) de|el de|de)",
        r"(?:aqu[ií]|ac[aá]) no (?:vive|hay|est[aá])(?: ning[uú]n| ninguna)?",
        r"no conozco a(?: ning[uú]n| ninguna)?", r"no (?:existe|hay)(?: ning[uú]n| ninguna)?",
        r"mi nombre no es", r"ya no es(?: el (?:numero|n[uú]mero|tel[eé]fono) de)?",
        r"no me llamo", r"no es",
    ),
    no_such_person=(r"ning[uú]n", r"ninguna", r"no hay"),
    abbreviations={
        "q": "que", "xq": "por que", "x": "por", "xfavor": "por favor", "nro": "numero",
        "num": "numero", "tel": "telefono",
        "cel": "celular", "msj": "mensaje", "msjs": "mensajes", "msg": "mensaje",
        "msn": "mensajes", "d": "de", "equibocado": "equivocado",
        "ekivocado": "equivocado", "deje": "deje", "kiero": "quiero", "mensages": "mensajes",
        "mensage": "mensaje", "numeros": "numero",
        "equivocada": "equivocada", "deseo": "deseo", "smss": "sms",
    },
)  # fmt: skip
