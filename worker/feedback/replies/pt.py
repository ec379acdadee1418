"""Portuguese, as written in Brazil and in Portugal."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_DO = (
    "(?:envi(?:e|em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|mand(?:e|em|es|ar|arem|ando|ado|"
    "ada|a|ar me|e me|em me)|escrev(?:a|am|er|erem|endo)|li(?:gue|guem|gar|garem|gando|ga|gues|"
    "gar me)|telefon(?:e|em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|contat(?:e|em|es|ar|arem|"
    "ando|ado|ada|a|ar me|e me|em me)|contact(?:e|em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|"
    "incomod(?:e|em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|perturb(?:e|em|es|ar|arem|ando|"
    "ado|ada|a|ar me|e me|em me)|chate(?:ie|iem|ar|ando|arem)|ench(?:a|am|er|endo)|importun(?:e|"
    "em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|insist(?:a|am|ir|indo)|cham(?:e|em|es|ar|"
    "arem|ando|ado|ada|a|ar me|e me|em me)|spam(?:ar|em|ando)|atorment(?:e|em|es|ar|arem|ando|"
    "ado|ada|a|ar me|e me|em me)|procur(?:e|em|es|ar|arem|ando|ado|ada|a|ar me|e me|em me)|"
    "fal(?:ar|em|e|ando))"
)
_THINGS = (
    "(?:mensagens|mensagem|msgs?|sms|textos?|ligacoes|ligacao|chamadas?|telefonemas?|emails?|"
    "e mails?|propagandas?|publicidades?|promocoes|anuncios?|spams?|avisos?|ofertas?|whatsapps?|"
    "notificacoes|contatos?|contactos?|lembretes)"
)
_MY = (
    "(?:(?:o )?meu (?:numero|telefone|telemovel|celular|contato|contacto|nome|cadastro)|(?:este|"
    "esse|esta) (?:numero|telefone|telemovel|celular|linha)|(?:os )?meus dados)"
)

LANGUAGE = Language(
    code="pt",
    exact_opt_out="""
        parar|pare|parem|para|sair|saia|cancelar|cancele|cancela|cancelem|descadastrar|descadastre
        descadastre me|me descadastre|remover|remova
        remova me|me remova|remover me|excluir|exclua|me exclua|desinscrever|desinscreva me
        descadastro|fim|basta|chega|chega disso|nao perturbe|nao perturbar
        nao quero|nao quero mais|nao mais|anular|desistir|terminar|apagar|encerrar|nunca mais
        pare ja|para com isso|parem com isso|pare com isso|ja chega|me tira|me tire
        bloquear|nao enviar|nao envie|nao me incomode|nao incomodar|sair da lista|cancelamento
        cancelar subscricao|anular subscricao
    """,
    politeness=(
        "tchau|adeus|por favor|porfavor|pfv|pf|por gentileza|obrigado|obrigada|ola|oi|bom dia|boa tarde|"
        "boa noite|ok|sim|agora|ja|imediatamente|desculpe|desculpa|grato|grata|senhor|senhora|"
        "gentileza|favor|obg|vlw|urgente"
    ),
    declines=r"""
        não|nao obrigad[oa]|obrigad[oa] não|não preciso|não precisa|não é necessário
        (?:(?:eu|nós) )?não (?:me|nos) interessam?(?: mesmo| mais)?|(?:(?:eu|nós) )?não (?:tenho|temos) (?:mais |nenhum )?interesse(?: nisso| nenhum| mais)?|(?:eu )?não (?:estou|tô|to|estamos) (?:mais )?interessad[oa]s?(?: nisso)?
        sem interesse|zero interesse|nenhum interesse
        nunca mais|jamais
        (?:eu )?(?:nunca|não) me (?:inscrevi|cadastrei|registrei|registei)(?: nisso| nisto| em nada)?
        (?:eu )?(?:nunca|não) (?:autorizei|autorizo|dei autorização|dei permissão|dei consentimento|dei meu consentimento|dei o meu consentimento|permiti)(?: isso| isto| essa ligação| essas ligações| estas chamadas| essas mensagens)?
        não (?:ligar|contatar|contactar|perturbe|perturbar|escrever|incomodar|incomode|insista|insistam|enviar)(?: mais| me)*
        (?:vocês são|vcs são|que) (?:muito )?(?:chatos|chato|saco|insistentes)|que saco|(?:parem|não fiquem|nao fiquem) (?:de )?(?:mandando|mandar|ligando|enviando)(?: mais)?(?: mensagem| mensagens| msg| msgs)?
        (?:vou |estou |to )?(?:te |vos |lhes |os )?(?:bloquear|bloqueando|bloqueio|bloquearei)(?: (?:vocês|esse número|este número|você))?|bloquead[oa]s?
        (?:vocês|você) (?:foram|foi|serão|será) (?:denunciad|reportad)[oa]s?|(?:seu |este |o )?número (?:foi |está )?(?:denunciado|reportado)|(?:já )?(?:denunciei|reportei) (?:vocês|você|este número|esse número)
        sai fora|cai fora|sai daqui|me larga|larga do meu pé|larga de mim|some daqui|vaza daqui|me esquece
        (?:isso |isto )?(?:é |parece )?(?:um |puro |mais um )?(?:golpe|fraude|burla|trambique)|(?:são |seus |bando de )?(?:golpistas|estelionatários|ladrões|burlões)
        (?:vou|vamos) (?:chamar|ligar para|ligar pra|acionar|avisar) a pol[ií]cia|(?:vou|vamos) denunciar(?: \w+){0,2}
        (?:vocês |vcs )?(?:me|nos) (?:ligam|mandam|escrevem|chamam)(?: mensagem| mensagens)? (?:todo (?:dia|o dia|santo dia)|todos os dias|o tempo todo|toda hora|sem parar|demais|direto|sempre)|(?:vocês |vcs )?não param de (?:me )?(?:ligar|mandar|escrever|chamar|encher)(?: \w+)?
        (?:(?:eu|nós) )?(?:já )?não (?:preciso|precisamos) (?:disso|de nada|de vocês|dos? seus? \w+|mais)|dispenso|(?:eu )?dispenso (?:isso|obrigado|obrigada)
    """,
    exact_opt_in="iniciar|comecar|retomar|inscrever",
    call_words=r"lig\w|ligac|telefon|chamad",
    opt_in=(
        r"(?:me (?:reinscreva|inscreva|cadastre)|reinscreva me|inscreva me|cadastre me)(?: de novo| novamente)?",
        r"(?:quero|gostaria de) (?:voltar a receber|receber de novo|me inscrever de novo)(?: \w+){0,2}",
    ),
    weak_wrong_number=(
        r"sou (?:a |o )?(?:esposa|marido|mulher|irmã|irma|irmão|irmao|filho|filha|mãe|mae|pai|companheir[oa]) d(?:ele|ela|o|a)",
        r"(?:faleceu|falecid\w|morreu|esta mort\w|ja nao esta entre nos|nao esta mais entre nos|partiu)",
        r"(?:e|somos|aqui e) (?:uma|um|o|a) (?:numero de )?(?:empresa|loja|escritorio|comercio|negocio|telefone fixo|clinica|hotel|restaurante|escola)",
        r"quem (?:e|fala|eh|esta falando|es)(?: (?:voce|vc|tu|esse|essa|este|ai))?$",
        r"(?:novo|nova) (?:dono|dona|titular|proprietari\w)",
    ),
    opt_out=(
        r"ser (?:removid|retirad|excluid|tirad|apagad|descadastrad|eliminad)[oa]s? d(?:a|e|o|as|os|essa|esta|sua) ?(?:\w+ )?(?:lista|listas|base|cadastro|contatos)",
        r"consentimento (?:esta |foi )?(?:revogado|retirado|cancelado)",
        r"(?:tir|remov|exclu|retir|apag|risc)\w+ (?:me |o meu (?:numero|nome) |meu (?:numero|nome) )?(?:d[aoe]s?|dess[ae]) (?:sua |vossa |essa |tua )?(?:lista|base|cadastro|sistema)",
        r"(?:esquec|apag|perd|delet)\w+ (?:o )?meu numero",
        r"prefir\w+ nao (?:receber|ser)(?: \w+){0,3}|(?:exijo|solicito|peco) (?:a |"
        r"o )?(?:remocao|exclusao|eliminacao|descadastro|cancelamento)(?: \w+){0,4}",
        rf"(?:par\w{{1,3}}|deix\w{{1,3}}|cess\w+|chega|basta|interromp\w+|suspend\w+) (?:ja |"
        rf"agora |imediatamente |por favor |logo )?(?:de |com |d |os |as |essas? |esses? |"
        rf"estas? |estes? |o |a |todas? |todos? )*(?:me |nos )?(?:ficar me |ficar )?(?:{_DO}|"
        rf"{_THINGS})(?: \w+)?",
        rf"(?:nao|nunca|jamais) (?:quero que |desejo que |precisa |e para |quero |desejo |"
        rf"gostaria de )?(?:me |nos |voltem a |volte a |mais |ser |receber |ficar |"
        rf"continuem? a |voltar a )*(?:{_DO}|receber)(?:me|nos|lhe)? ?(?:\w+ ){{0,3}}(?:mais|"
        rf"nunca mais|de novo|novamente|outra vez|para este|para esse|neste|nesse)",
        r"(?:nao|nunca|jamais) (?:mais )?(?:me |nos )(?:envie|enviem|envia|mande|mandem|manda|"
        r"escreva|escrevam|ligue|liguem|liga|contate|contatem|contacte|contactem|incomode|"
        r"incomodem|perturbe|perturbem|chame|chamem|procure|procurem|chateie|chateiem|"
        r"telefone|telefonem|importune|importunem)(?! (?:agora|hoje|amanha|antes|depois|ate|"
        r"a esta|tao|de manha|a noite))",
        rf"(?:nao|nunca mais) (?:voltem? a |volte a |me |mais |nos )*(?:envie|enviem|mande|"
        rf"mandem|ligue|liguem|contate|contactem|contacte|incomode|incomodem|perturbe|telefone|"
        rf"telefonem|escreva|escrevam|contatem)(?:me|nos)?(?: mais| nunca mais| para mim|"
        rf" para este numero| para esse numero| {_THINGS}|$)",
        rf"(?:nao|ja nao|nunca) (?:quero|desejo|gostaria|autorizei|autorizo|pedi|solicitei|"
        rf"queremos|tenho interesse|preciso|aceito|pretendo|dei permissao|consinto|"
        rf"consenti)(?: (?:mais|de|que|em|receber|recebendo|ser|estar|essas?|esses?|suas?|"
        rf"seus?|estas?|estes?|nenhum\w*|me|nos|tantas?|o|a|continuar a|para|voltar a|vossas?|"
        rf"vossos?|nada)){{0,5}} (?:{_THINGS}|{_DO}|contatad\w|contactad\w|incomodad\w|"
        rf"perturbad\w|receber\w*|inscrit\w|cadastrad\w|nada d\w+|mais nada|informacoes|saber)",
        r"(?:nao quero|nao desejo|nao pretendo|ja nao quero) (?:mais )?(?:receber|isso|isto|"
        r"nada)(?: (?:mais|isso|isto|nada|essas?|disso))?",
        rf"(?:sem|chega de|basta de|nada de|nenhuma?|nao mais|mais nenhuma?) (?:mais |essas |"
        rf"esses |tantas )?{_THINGS}",
        rf"(?:elimin\w+|apag\w+|tir\w{{1,3}}|remov\w+|exclu\w+|retir\w{{1,3}}|delet\w+|"
        rf"descadastr\w+|esquec\w+|perc?\w+|bloque\w+) (?:por favor |imediatamente |ja |"
        rf"logo )?(?:o |a )?{_MY}",
        r"(?:me|nos) (?:tire|tirem|tira|remova|removam|exclua|excluam|retire|retirem|"
        r"descadastre|descadastrem|desinscreva|desinscrevam|deletem?|apaguem?|risque|risquem|"
        r"bloqueie|bloqueiem|desinscrev\w+|remove|exclui)(?! (?:uma duvida))",
        r"(?:tire|tirem|remova|removam|exclua|excluam|retire|retirem|descadastre|desinscreva|"
        r"desinscrevam|apague|apaguem|elimine|eliminem|risque|risquem|retirar|remover|tirar|"
        r"excluir) ?(?:me|nos)\b(?: \w+){0,3}",
        r"(?:quero|gostaria de|desejo|solicito|peco|exijo|"
        r"pretendo) (?:que me )?(?:me )?(?:descadastrar\w*|desinscrever\w*|sair (?:d\w+|"
        r"da) \w+|cancelar (?:a |minha |o )?(?:inscricao|assinatura|subscricao|cadastro|"
        r"recebimento)|ser (?:removid|excluid|retirad|descadastrad)\w|parar de receber|"
        r"deixar de receber|(?:a )?(?:remocao|exclusao|descadastro|remover|cancelamento)|"
        r"anular)(?: \w+)?",
        r"(?:parar|deixar|cancelar) (?:de receber|o recebimento|o envio)|(?:deixem?|deixe|"
        r"deixa) (?:me |nos |eu )?(?:em paz|sossegad\w|quieto)|me (?:deixa|deixe|"
        r"deixem) (?:em paz|sossegad\w|quiet\w)|larg\w+ (?:do )?(?:meu|o meu) pe",
        r"(?:vai|va|vao) (?:se fuder|se foder|a merda|tomar no|para o (?:inferno|diabo)|"
        r"a fava)\w*|some daqui|sumam|vai embora",
        r"(?:revogo|retiro|cancelo) (?:o |meu |todo |a |minha )*(?:consentimento|permissao|"
        r"autorizacao|assinatura|inscricao)",
        r"nao (?:tenho|temos|ha) interesse (?:e )?(?:por favor )?(?:nao|par|remov|exclu|"
        r"tir)\w*|nao perturb\w+|cancel\w+ (?:a |minha |esta |essa )+(?:assinatura|inscricao|"
        r"subscricao)",
        r"ja (?:disse|pedi|falei|mandei|solicitei|respondi) (?:\w+ ){0,3}(?:parar|pare|parem|"
        r"sair|nao)",
    ),
    wrong_number=(
        r"não é mais (?:o )?(?:meu|nosso) (?:número|telefone|celular)|(?:já|ja) não é (?:o )?(?:meu|nosso) (?:número|telefone|celular|telemóvel)",
        r"sou (?:o|a) (?:novo|nova) (?:dono|dona|titular|proprietari\w)(?: \w+){0,4}",
        r"numero (?:agora |ja )?(?:e|pertence|esta com)(?: agora)? (?:de |a |uma |"
        r"um )*(?:outra pessoa|outro dono|outra dona)|mensagem (?:nao e|nao era) (?:para|"
        r"pra) mim",
        r"(?:numero|telefone|pessoa|contato|contacto|celular|telemovel|destinatario|"
        r"num) (?:esta |e |ta )?(?:errad\w|incorret\w|equivocad\w|enganad\w|"
        r"trocad\w)(?! (?:d\w (?:pedido|fatura|conta|nota)|no pedido|na nota))",
        r"(?:foi )?engano|enganou se|enganaram se|errou se|(?:voce|voces|vc|vcs|esta|estao|"
        r"deve|devem|se|enganou|acho que) (?:\w+ )?(?:enganad\w|enganou se|engano|se enganou|"
        r"se engana\w*|errou|equivocad\w|se equivocou|confundi\w+|ligou errado|mandou errado|"
        r"trocou|discou errado|ter se enganado|estar enganad\w|com o numero errado|"
        r"enganou)(?: \w+)?|errou (?:o )?(?:numero|de)",
        r"(?:este|esse|isto|isso|ja|aqui|esta)?(?: numero| telefone| celular|"
        r" telemovel)? ?(?:nao e|nao e mais|ja nao e|nao pertence|nao pertence mais|"
        r"ja nao pertence|nunca foi|nao sou) (?:mais )?(?:o |a |do |da |de |ao |dele|dela|"
        r"desse|dessa )*(?:numero|telefone|celular|telemovel|dele|dela|dono|dona|desta pessoa|"
        r"dessa pessoa|pessoa|essa pessoa|esta pessoa|titular|contato|contacto|"
        r"quem)(?! (?:do pedido|da fatura))",
        r"nao sou (?:eu|quem|essa|esta|a pessoa|o dono|a dona|o titular|ele|ela|esse|"
        r"este)(?: \w+){0,3}|nao (?:e|sou) a pessoa",
        r"(?:nao (?:conheco|conhecemos|conhece)|desconheco|desconhecemos|"
        r"nao sei quem e) (?:a |o |essa |esta |esse |este |ninguem |nenhum\w* |"
        r"ess[ae] )*(?:pessoa|ninguem|nome|senhor\w*|fulano|moca|rapaz|homem|mulher|ele|ela|"
        r"com esse nome|$)",
        r"(?:aqui|neste numero|nesse numero) nao (?:mora|tem|e|trabalha|ha|existe|vive|reside|"
        r"se encontra)(?: \w+){0,3}|nao (?:mora|trabalha|reside|vive)(?: mais)? (?:aqui|"
        r"conosco|connosco|nesta|nessa|na empresa|com a gente)|nao (?:mora|trabalha) mais|"
        r"ja nao (?:trabalha|mora|vive|esta|tem|usa)(?: \w+)? ?(?:aqui|este|connosco|"
        r"na empresa)?|saiu da empresa",
        r"nao (?:tem|ha|existe) (?:ninguem|nenhum\w*|pessoa)(?: aqui| pessoa)? (?:com (?:esse|"
        r"este) nome|chamad\w|que se chame|desse nome|com o nome)",
        r"(?:mudou|trocou|mudaram|trocaram|alterou) (?:de|o|seu|o seu) (?:numero|telefone|"
        r"celular|telemovel)|(?:tem|esta com|ta com) (?:outro|um novo|novo) (?:numero|"
        r"telefone|celular|telemovel)",
        r"(?:acabei de (?:adquirir|receber|comprar|pegar|comecar a usar|ativar)|comprei|"
        r"adquiri|peguei|ganhei|recebi|ativei) (?:agora |recentemente |ha pouco )?(?:este|"
        r"esse|o) (?:numero|chip|celular|telefone|cartao)|(?:tenho|uso|estou com|"
        r"to com) (?:este|esse) (?:numero|telefone|chip) (?:ha|faz|desde|a)(?: \w+)*|(?:este|"
        r"esse) (?:numero|telefone) (?:agora )?(?:e meu|agora e meu|passou a ser meu|era d\w+|"
        r"foi reatribuid\w)|(?:numero|telefone) (?:e meu agora|agora e meu)",
        r"(?:pessoa|ele|ela|dono) (?:ja )?nao (?:usa|tem|utiliza|possui|"
        r"atende)(?: mais)? (?:este|esse|neste|nesse|por este) (?:numero|telefone|celular|"
        r"telemovel)|(?:mandou|enviou|ligou|escreveu|ligando|mandando|"
        r"mandaram) (?:\w+ ){0,3}errad\w",
        r"(?:antigo|anterior|antiga) (?:dono|dona|titular|proprietari\w)|outra pessoa (?:tem|"
        r"usa|com)|(?:procura\w*|quer\w*|falar com) (?:por )?outra pessoa|(?:e|era|"
        r"foi) para outra pessoa|nao (?:e|era) para mim",
        r"(?:aqui |agora |isso )?(?:e|fala|sou|esta com) (?:uma )?outra pessoa|"
        r"\w+ (?:ja )?nao (?:usa|tem|utiliza|mora|trabalha|atende)(?: mais)? (?:este|esse|"
        r"aqui|neste|nesse|mais)(?: numero| telefone| celular| telemovel| chip)?|"
        r"numero (?:antigo|anterior) d",
        r"nao me chamo|esse nao e (?:o )?meu nome|este nao e (?:o )?meu nome|meu nome nao e",
    ),
    complaint=(
        r"(?:denunci|report|reclam)(?:ar|arei|aremos|o|ando|ei)(?:-?l[oae]s?)? (?:\w+"
        r" ){0,3}(?:a|ao|na|no|para a|para o|junto a|pro|pra) (?:\w+ )?"
        r"(?:anatel|procon|policia|anpd|autoridade\w*|cnpd|anacom|reclame aqui|justica|deco"
        r"|senacon)",
        r"vou (?:te |vos |os |lhe )?(?:denunciar|processar|denuncia los|processa los)(?:"
        r" (?:voces|voce|vcs|vc|a empresa))?$",
        r"isso (?:ja )?e (?:um )?(?:assedio|perseguicao)|(?:isto|isso) e assedio|estao me"
        r" assediando",
        r"me[ui]s? advogad[oa]s? (?:vai|vao|entrara|ira) (?:\w+ ){0,4}(?:contato|contacto"
        r"|processar)(?: (?:com )?(?:voces|voce|vcs|vc|vos))?$",
        r"vou (?:abrir|fazer|registrar|apresentar) (?:uma |um )?(?:queixa|denuncia"
        r"|reclamacao|processo|boletim)",
    ),
    corrected=(
        r"(?:vou|vamos) (?:trocar|mudar) (?:de|o|meu|o meu) (?:número|telefone|celular|telemóvel)|(?:o )?meu (?:número|telefone|celular) vai mudar|(?:atualizar|alterar|mudar) (?:o )?meu (?:número|telefone|celular)",
        r"meu (?:novo |outro )?(?:numero|telefone|celular) (?:novo |certo |correto |atual"
        r" )?(?:agora )?e (?:agora )?(?:o )?\d[\d ]{3,}",
        r"(?:us[ea]m?|lig\w+|cham\w+|escrev\w+|mand\w+|contat\w+) (?:\w+ ){0,3}(?:o|no|para"
        r" o|para|ao|pro) (?:numero )?\d[\d ]{5,}",
        r"o numero (?:certo|correto|novo) e (?:o )?\d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:este|esse|sim) (?:ainda |continua sendo )?(?:e )?(?:o )?meu numero|(?:e )?(?:o"
        r" )?numero (?:esta |e )?(?:certo|correto)",
        r"continuo (?:com|usando) (?:este|esse|o mesmo) numero",
    ),
    uncertain=(
        r"não (?:quero|queremos) que (?:parem|pare|vocês parem|voces parem|vcs parem)",
        r"nao (?:quero|desejo|queremos|pretendo) (?:parar|cancelar|sair|deixar|ser (?:removid|excluid)\w|que me (?:tir|remov|exclu)\w*|me descadastr\w*)|(?<!se )(?<!que )nao (?:me|nos) (?:tirem|tire|removam|remova|excluam|exclua|descadastrem|descadastre|apaguem|apague|deletem|delete)\b",
        r"lista de espera|d[ao] (?:copia|reuniao|convite|agenda|equipe|apolice|escala)",
        r"ainda (?:o|a|os|as|nao)\b|\bainda$|nao (?:me|nos) (?:mand|envi)\w+ (?:o|a|os|as|meu|minha) (?:contrato|fatura|boleto|endereco|codigo|documento|recibo|formulario|orcamento|nota)\w*",
        r"(?:meu|minha) \w+ nao para",
        r"meu (?:numero|nome|endereco|email) (?:esta|ta|estava|saiu) errad\w",
        r"(?:tamanho|data|dia|hora|endereco|cor|pedido|produto|horario|porta|andar|rua|item|modelo) (?:\w+ )?(?:errad\w|trocad\w)|errei (?:o|a|de) (?:tamanho|data|dia|hora|endereco|cor|rua|porta)",
        r"(?:mensagens|sms|ligacoes) (?:tudo bem|pode|podem|ok)|mas (?:sms|mensagens?) (?:pode|tudo bem|sim)",
        r"(?:dirigindo|a conduzir|em reuniao|na aula|dormindo|sem bateria)",
        r"(?:voce|tu) nunca me (?:liga|escreve|responde)s?",
        r"nao (?:recebi|recebemos|chegou|chegaram|vi|tenho nenhum\w*|me chegou)",
        r"nao (?:esta|e|era|foi|ta) (?:o |um |numero |por )*(?:errad\w|engano|enganad\w)|"
        r"(?:me|nos) engan(?:ei|amos)|enganei me|(?:eu|nos) (?:\w+ )?(?:errei|erramos|"
        r"enganei)|(?:dei|pus|coloquei|passei|deixei|informei|digitei|escrevi|anotei|mandei|"
        r"tinha|tenho) (?:\w+ ){0,4}errad\w",
        r"numero (?:d[oa]|no|na) (?:pedido|nota|fatura|conta|encomenda|contrato|rastreio|"
        r"protocolo)",
        r"(?:cancel\w+|desmarc\w+|remarc\w+|anul\w+|exclu\w+|remov\w+) (?:a |o |minha |meu |"
        r"uma |um |essa |esse |da |do )*(?:consulta|pedido|reserva|reuniao|compra|servico|"
        r"visita|marcacao|contrato|conta|encomenda|viagem|entrega|plano|horario|agendamento)",
        r"nao (?:pare|parem|deixem? de|cancele|cancelem|quero (?:cancelar|sair|parar|"
        r"que parem)|me (?:remova|tire|exclua))",
        r"(?:prefiro|so|somente|apenas|melhor|em vez|invez) (?:por|que|um|de|mensagem|ligacao|"
        r"email|whatsapp|me)|por (?:email|e mail|whatsapp|mensagem|telefone) (?:por favor|"
        r"mesmo|melhor|apenas|so)|(?:no|para o) outro (?:numero|telefone|celular)|"
        r"me liga\w* (?:no|em)",
        r"(?:agora nao|hoje|amanha|ate (?:as|o|a|que)|antes d\w+|depois d\w+|a noite|de manha|"
        r"tao (?:tarde|cedo)|a esta hora|nesse horario|neste horario|no trabalho|por enquanto|"
        r"aos domingos|fim de semana)",
        r"(?:parada|ponto) d\w+|fim (?:de|do|da)|em baixa|chega (?:quando|as|hoje|amanha|"
        r"que horas|em)|quando chega|sair (?:de casa|hoje|com|para|agora)|basta (?:que|ligar|"
        r"clicar|ir)",
        r"se (?:for|e|este|estiver|eu|nao)(?: \w+){0,4} (?:engano|errad\w|numero)|"
        r"meu novo numero|meu numero novo|mudei de numero|troquei de numero",
        r"(?:ele|ela|menino|cachorro|chuva|filh\w) nao para",
    ),
    asks_how=(
        r"como (?:eu |faco (?:para |pra )|posso |que |se |e que |me |faz (?:para |pra )){0,3}(?:sai|cancel|par[oa]|remov|tir|bloque|descadastr|desinscre|exclu|deix)\w*(?: (?:de|da|do|dessa|desta|dessas|dessa|a|as|os|essa|essas|esses|receber|meu|numero)){0,4} (?:lista|listas|mensage\w+|sms|textos|inscricao|cadastro|propaganda|spam)",
        r"^como (?:eu |faco (?:para |pra )|posso |se )?(?:bloquei\w*|bloquear|cancel\w+|sair|saio|descadastr\w+)(?: (?:isso|isto|daqui|voces|voce|vcs|vc|disso|me))*$",
        r"(?:com quem|para quem|pra quem) (?:eu )?(?:falo|ligo|escrevo|mando)(?: \w+){0,2} (?:para|pra) (?:sair|cancelar|me (?:tir|remov|exclu)\w+|ser (?:removid|excluid)\w)",
    ),
    weak=(
        r"engano|numero errado|pessoa errada|parar|pare|parem|descadastr\w+|cancelar|"
        r"remov\w+|nao me (?:lig|mand|envi|incomod|chame)\w*|nao quero|spam|assedio|processar|"
        r"procon|denunci\w+|sem interesse|nao tenho interesse|quem e \w+|falec\w+|morreu|lgpd|"
        r"rgpd|onde conseguiu",
    ),
    question_starts=(
        "este e|esse e|isso e(?! assedio)|e o|sera|como (?:faco|posso|eu|me|cancelo)|o que acontece|devo|"
        "posso|quer que|voce e|e voce|tem como|eu dei|me enganei|enganei"
    ),
    request_starts=(
        r"(?:posso|poderia|podemos|gostaria de) (?:por favor )?ser |"
        r"(?:pode|podem|poderia|poderiam|podes|podiam|da pra|daria para) (?:por favor |voces |"
        r"me )*(?:par|tir|remov|exclu|deix|nao|apag|retir|elimin|descadastr)\w*|ate quando|"
        r"quantas vezes"
    ),
    denials=(
        r"(?:ideia de|n[aã]o sei) quem [eé]",
        r"n[aã]o sou(?: o| a)?",
        r"(?:este|esse|isso|isto|aqui)? ?n[aã]o [eé](?: mais)?(?: o| a)?(?: (?:n[uú]mero|telefone|celular|telem[oó]vel))?(?: d[aeo]s?)?",
        r"n[aã]o conhe[cç]o (?:nenhum|nenhuma|o|a|ningu[eé]m chamad[oa])",
        r"(?:aqui )?n[aã]o (?:mora|tem|h[aá])(?: nenhum| nenhuma)?",
        r"n[aã]o (?:existe|tem|h[aá])(?: nenhum| nenhuma)?",
        r"j[aá] n[aã]o [eé](?: o| a)?(?: n[uú]mero d[eoa])?", r"n[aã]o me chamo",
    ),
    no_such_person=(r"nenhuma?", r"n[aã]o tem"),
    abbreviations={
        "vc": "voce", "vcs": "voces", "msg": "mensagem", "msgs": "mensagens", "num": "numero",
        "tel": "telefone", "cel": "celular", "n": "nao", "ñ": "nao", "naum": "nao", "nao": "nao",
        "q": "que", "pq": "porque", "pra": "para", "pro": "para o", "tb": "tambem",
        "ta": "esta", "eh": "e", "enganado": "enganado"
    },
)  # fmt: skip
