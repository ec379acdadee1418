"""French."""

from __future__ import annotations

from worker.feedback.replies.language import Language

_DO = (
    "(?:m?envoy(?:ez|er|ent|ons)|m?ecri(?:vez|re|vent)|m?appel(?:ez|er)|contact(?:ez|er|ent|ons|"
    "ee?)|derang(?:ez|er|ent|ons|ee?)|harcel(?:ez|er|ent|ons|ee?)|embet(?:ez|er|ent|ons)|"
    "sollicit(?:ez|er|ent|ons|ee?)|telephon(?:ez|er|ent|ons)|spam(?:mer|mez|)|relanc(?:ez|er|ent|"
    "ons)|texto(?:ez|er|ent|ons|s?)|m?ennuy(?:ez|er|ent|ons)|m?importun(?:ez|er|ent|ons)|"
    "demarch(?:ez|er|ent|ons|ee?)|joind(?:re)|parl(?:er|ez)|m?emmerd(?:ez|er|ent|ons)|"
    "d?envoy(?:ez|er|ent|ons)|d?appel(?:er)|d?ecri(?:re))"
)
_THINGS = (
    "d?(?:messages?|sms|textos?|appels?|mails?|e ?mails?|courriels?|pubs?|publicites?|spams?|"
    "offres?|notifications?|promos?|promotions?|sollicitations?|demarchages?|communications?|"
    "newsletters?|rappels?)"
)
_MY = (
    "(?:mon (?:numero|telephone|contact|nom|portable)|ce (?:numero|telephone|portable)|"
    "mes (?:coordonnees|donnees|infos))"
)

LANGUAGE = Language(
    code="fr",
    exact_opt_out="""
        arret|arrets|arreter|arretez|arrete|stop sms|desabonner|desabonnement|desabonnez moi
        me desabonner|fin
        annuler|desinscrire|desinscription|desinscrivez moi|me desinscrire|supprimer|supprimez moi
        supprimez
        quitter|ca suffit|assez|arretez ca|arretez tout|stoppez|stopper|stoppez tout|resilier
        retirer|retirez moi
        refus|refuser|opposition|fichez moi la paix|foutez moi la paix|plus de messages?
        plus de sms|plus dappels?
        plus rien|arrete ca|ca suffit maintenant|arret sms|arrt|arret arret
    """,
    politeness="""
        au revoir|sil vous plait|s il vous plait|sil te plait|s il te plait|svp|stp|merci|merci beaucoup
        bonjour|bonsoir|ok|oui|cordialement
        madame|monsieur|salut|desole|desolee|pardon|maintenant|immediatement|tout de suite|de suite
        mrc|d avance|davance|messieurs|je veux
    """,
    declines=r"""
        non|nan|non merci|merci non|sans façon|pas besoin|je nen ai pas besoin
        (?:(?:je|on|nous) )?(?:ne )?(?:suis|sommes|est)? ?(?:pas|plus|aucunement|pas du tout) intéressée?s?(?: par (?:cela|ça|ceci|votre offre|vos offres))?
        (?:cela |ça |ceci |votre offre )?(?:ne )?(?:nous )?m?intéresse(?:nt)? (?:pas|plus|pas du tout)|aucun intérêt|sans intérêt
        (?:plus jamais|jamais plus)(?: ça)?
        (?:je )?(?:ne )?(?:me )?(?:suis|étais) (?:jamais|pas) (?:inscrite?|abonnée?)(?: à (?:ça|cela|rien))?
        (?:je )?(?:nai|n ai|ai) (?:jamais|pas) (?:donné mon (?:accord|consentement|autorisation)|consenti|autorisé (?:cela|ça))|(?:je )?nautorise pas (?:cet|ces|vos|votre) (?:appels?|messages?)
        (?:n'|n|ne )(?:appelez|appelle|appeler|écrivez|écris|téléphonez|téléphone|contactez) (?:pas|plus)(?: (?:svp|s'il vous plaît|maintenant|je (?:vous|te) (?:rappelle|rappellerai|appelle|appellerai|recontacte|écris)|c'est moi qui (?:rappelle|appelle)))*
        ne (?:pas|plus) (?:appeler|contacter|déranger|écrire|mappeler|me contacter|me déranger|mécrire|importuner)
        vous (?:êtes|etes) (?:pénibles?|lourds?|fatigants?)|vous me (?:saoulez|soûlez|fatiguez|gonflez)|ras le bol|jen ai marre
        (?:je )?(?:vous|te|le) (?:bloque|bloquerai)|(?:je )?vais (?:vous |te |le )?bloquer(?: ce numéro)?|bloquée?s?
        (?:je demande |jexige |exerce mon )?(?:le |mon )?(?:droit à leffacement|droit à loubli|leffacement de mes données)
        (?:vous avez|tu as) été (?:signalée?s?|dénoncée?s?)|(?:votre |ce |le )?numéro (?:a été |est )?(?:signalé|dénoncé)|je (?:vous|t) ai (?:signalée?s?|dénoncée?s?)
        (?:c'est |vous êtes |quelle |bande d ?)?(?:de l ?|une |des |du )?(?:arnaque|arnaqueurs?|escroquerie|escrocs?|fraude|fraudeurs)
        (?:j'appelle|je vais appeler|j'appellerai|on appelle|nous appelons) la police|je (?:vais |veux )(?:vous|te) signaler|je (?:vous|te) signale
        (?:je|on|nous) (?:n ?')?(?:en )?(?:nai|n ai|nen ai|n en ai|na|nen a|n a|n en a|navons|nen avons) (?:vraiment |absolument )?(?:pas|aucun) besoin(?: (?:de|d) ?(?:ça|cela|vous|vos \w+|tout ça|votre \w+))?
        vous (?:m'|me )?(?:appelez|appeler|mappelez|mecrivez|ecrivez|contactez)(?: moi)? (?:sans arrêt|tout le temps|tous les jours|chaque jour|trop souvent|trop|sans cesse)
    """,
    exact_opt_in="debut|reprendre|sabonner|abonner|demarrer",
    call_words="appel|mappel|telephon|demarch",
    opt_in=(
        r"(?:re ?inscrivez|re ?inscris|re ?abonnez|abonnez) moi(?: a nouveau| svp)?",
        r"je (?:veux|souhaite) (?:me reabonner|me reinscrire|recevoir a nouveau)(?: \w+){0,3}",
    ),
    weak_wrong_number=(
        r"je suis (?:sa|son|leur) (?:femme|mari|épouse|frère|soeur|fils|fille|mère|père|compagne|compagnon|assistante?)",
        r"mon nouveau numero depuis|jai ce numero depuis (?:peu|hier|\w+ (?:jours|semaines|mois))",
        r"(?:est|etait|il est|elle est) (?:deced\w+|mort\w*)",
        r"(?:decede|decedee|deces|nous a quittes|nest plus de ce monde|nest plus parmi nous)",
        r"(?:est|ici|cest) (?:un |une |le |la )?(?:numero (?:d |professionnel|de )|ligne (?:professionnelle|fixe)|entreprise|societe|bureau|magasin|commerce|restaurant|hotel|cabinet|ecole)(?: \w+)?",
        r"(?:qui (?:est|etes|es) ?(?:ce|vous|tu)?|cest qui|t ?es qui|a qui ai je lhonneur)$",
        r"(?:nouveau|nouvelle) (?:proprietaire|titulaire|detenteur)",
    ),
    opt_out=(
        r"(?:être|etre) (?:retir|enlev|supprim|désinscri|effac|radi|ray)\w+ (?:de|du|des) (?:votre|vos|la|cette|ta|toutes) (?:\w+ )?(?:listes?|fichiers?|base)|(?:être|etre) désinscrite?",
        r"consentement (?:est )?(?:retire|revoque|annule)",
        r"(?:retir|supprim|enlev|ray|efface|sort)\w+ (?:moi )?(?:de|mon \w+ de) (?:votre|vos|la|cette|ta) (?:liste|base|fichier|listing)s?(?: \w+)?",
        r"(?:oubli|perd|efface|supprim|jet)\w+ mon numero",
        r"j?(?:exige|demande|souhaite|veux|reclame) (?:la |le )?(?:suppression|retrait|"
        r"desinscription|radiation|desabonnement)(?: \w+){0,4}|prefer\w+ ne (?:plus|"
        r"pas) (?:recevoir|etre)(?: \w+){0,3}",
        rf"(?:d?arret\w+|cess\w+|stopp\w+|stop|fini\w+) (?:immediatement |tout de suite |svp |"
        rf"maintenant |donc |sil vous plait )?(?:de |d |avec |vos |votre |ton |cette |ce |ces |"
        rf"les |tous |toutes |des |tes |tout )*(?:me |nous |m )?(?:{_DO}|{_THINGS})",
        rf"(?:ne|n|pas|merci de ne|merci de ne plus|priere de ne|veuillez ne|"
        rf"je ne veux) (?:me |nous |m |plus |pas |jamais |que vous |veux |souhaite |etre |"
        rf"desire |recevoir |mettez |le |)*{_DO}(?: \w+){{0,2}} (?:plus|jamais|"
        rf"plus jamais)(?: \w+)?",
        rf"(?:ne plus|plus jamais) (?:me |nous |m |etre |recevoir |le |de |vos )*(?:{_DO}|"
        rf"{_THINGS}|recevoir|contacte\w*|derange\w*|sollicite\w*)",
        rf"(?:ne|n)? ?(?:me|m|nous)? ?(?:{_DO}) plus(?: jamais| rien| de| svp| merci| sil|"
        rf"$)(?: \w+)?",
        r"(?:ne )?(?:me |m |nous )(?:contactez|appelez|derangez|ecrivez|envoyez|harcelez|"
        r"telephonez|sollicitez|relancez) (?:pas|plus)(?! (?:maintenant|aujourdhui|avant|"
        r"apres|ce soir|le soir|demain|tout de suite|si))",
        rf"(?:ne )?(?:veux|souhaite|desire|voudrais|voulons|veut|souhaitons) (?:plus|"
        rf"pas) (?:du tout )?(?:de |d |etre |recevoir |avoir |que vous |vos |entendre |me |"
        rf"mes |faire |ces |aucun )*(?:{_THINGS}|{_DO}|recevoir|contacte\w*|derange\w*|"
        rf"sollicite\w*|inscrite?|abonne\w*|rien|nouvelles de vous)",
        rf"(?:plus|assez|marre|marre de recevoir|ras le bol|stop|aucun|plus aucun) (?:de |d |"
        rf"aux? |des |a |vos |ces |tous |recevoir |avec )*{_THINGS}(?: svp| merci)?",
        rf"(?:supprim\w+|effac\w+|retir\w+|enlev\w+|ray\w+|radi\w+|oubli\w+|perd\w+|bloqu\w+|"
        rf"otez|suprim\w+) (?:moi |svp |donc |immediatement )?(?:de |d )?{_MY}",
        r"(?:supprim\w+|retir\w+|enlev\w+|ray\w+|radi\w+|desabonn\w+|desinscri\w+|desincri\w+|"
        r"otez|sort\w+|suprim\w+|efface\w*) (?:moi|nous)",
        r"(?:me|m|etre) (?:desabonn\w+|desinscri\w+|retir\w+|supprim\w+|radi\w+|ray\w+|"
        r"enlev\w+|desincri\w+)(?! (?:par erreur))",
        r"(?:retir\w+|revoqu\w+|annul\w+) (?:mon |le )?consentement|je (?:ne )?(?:consens pas|"
        r"suis pas daccord (?:pour|de)|nai (?:pas|jamais) (?:donne|autorise|consenti|"
        r"demande))(?: \w+){0,4}",
        r"(?:laiss\w+|fich\w+|foutez|fous|lache\w*) (?:moi |nous )?(?:tranquille|en paix|"
        r"la paix|la grappe)|lachez moi",
        r"(?:allez|va|vas) (?:vous |te )?(?:faire|au diable|chier)\w*|degage\w*|"
        r"cass\w+ (?:toi|vous)",
        r"^(?:ne )?m(?:appelle|ecris|envoie|contacte|derange) (?:plus|pas)(?: \w+){0,2}|^(?:ne )?me (?:contacte|derange|texte) plus|je (?:moppose|m oppose)(?: \w+){0,4}|je refuse (?:vos|de recevoir|tout|tous|les (?:sms|messages|appels)|toute|ces)(?: \w+){0,3}|(?:veuillez|merci d|merci de|faut) (?:arreter|cesser|stopper)|merci darreter|veuillez (?:arreter|cesser|stopper)",
        r"bloctel",
        r"pas interess\w+ (?:et )?(?:merci de |veuillez )?(?:ne|arret|supprim|retir)\w*",
        r"resili\w+ (?:mon |l )?abonnement|annul\w+ (?:mon )?abonnement",
        r"(?:jai deja|je vous ai deja|jai) (?:dit|demande|repondu|envoye) (?:\w+ )?(?:stop|"
        r"darreter|arret)",
    ),
    wrong_number=(
        r"je suis (?:le|la) (?:nouveau|nouvelle) (?:proprietaire|titulaire|detenteur|utilisateur)(?: \w+){0,4}",
        r"ce numero ma ete (?:attribue|donne|reattribue)",
        r"(?:cherchez|cherches|voulez joindre|demandez) (?:quelqu ?un dautre|une autre personne)",
        r"personne ne (?:sappelle|s appelle|porte ce nom)|personne (?:ici )?(?:du nom|nomme\w*|appelee?)",
        r"numero (?:est |appartient )?(?:maintenant |desormais |a present |"
        r"depuis \w+ )*(?:est |appartient )?(?:maintenant |desormais )?a (?:quelquun|"
        r"quelqu un|une autre|un autre|moi)(?: \w+)?|message (?:nest|n est) (?:pas|"
        r"surement pas) pour moi|changement de proprietaire",
        r"(?:mauvais|faux|pas le bon|erreur de|erreur sur le|mauvaise|pas la bonne) (?:numero|"
        r"destinataire|personne|telephone|contact|interlocuteur|num)(?! (?:de (?:commande|"
        r"facture|dossier|client)))",
        r"(?:vous (?:vous |avez |etes |faites |devez )*|tu (?:t |as |tes |te )*|avez |"
        r"fais )(?:tromp\w+|erreur|fait erreur|une erreur|faire erreur|mal compose|confond\w+|"
        r"trompe)(?: \w+)?",
        r"(?:ce|cest|ceci|il|numero|telephone) ?(?:nest|est|ne sont|n est) (?:pas|"
        r"plus) (?:le |son |au |a |celui |du |mon |de |d )*(?:numero|bon numero|"
        r"bonne personne|telephone|portable|sien|celui|lui|elle|elle$|lui$|destinataire|"
        r"interlocuteur)",
        r"(?:nest|n est) (?:pas|plus) (?:le |son |au )?(?:numero|telephone|portable) (?:de|d|"
        r"a)|son numero",
        r"(?:numero|telephone|ligne|il|elle) (?:ne lui |nappartient |n appartient |ne |"
        r"appartient |lui )+(?:appartient |appartenir )?(?:pas|plus|a quelqu un dautre|"
        r"a quelquun dautre|a une autre)",
        r"(?:je ne suis|je suis|suis|chui|j suis) pas (?:la |cette |celle |celui |la bonne |"
        r"le bon |cet |l |le )*(?:personne|que vous|interlocuteur|destinataire|homme|dame|"
        r"proprietaire|titulaire)",
        r"(?:connais|connait|connaissons|connaitre) (?:pas|personne|aucun\w*|ni)(?: de|"
        r" d)? (?:cette personne|ce monsieur|cette dame|nom|ce nom|qui sappelle|du nom|"
        r"personne de ce nom|cet homme|quelquun de ce nom)|connais personne",
        r"(?:il ny a|y a|ya|pas|ny a|aucun\w*|personne) (?:pas |aucun\w* |plus )?(?:de |"
        r"d )?(?:personne |quelquun )?(?:qui (?:sappelle|porte|se nomme)|de ce nom|du nom|"
        r"a ce nom|nomme\w*|avec ce nom)",
        r"(?:a|ont) change (?:de|son|leur) (?:numero|telephone|portable)|a un (?:autre|"
        r"nouveau) (?:numero|portable)|a (?:donne|laisse) un (?:faux|mauvais) numero",
        r"(?:viens d(?:e |)|vient de |recemment |nouveau |nouvelle |je viens d )(?:avoir |"
        r"obtenir |dobtenir |recevoir |recuperer |prendre |davoir |acheter )?(?:ce|"
        r"cette) (?:numero|ligne|carte)",
        r"(?:jai|j ai|on a|nous avons) (?:recupere |eu |obtenu |recu |pris )?ce (?:numero|"
        r"telephone) (?:depuis|il y a|recemment)|depuis \w+ (?:ans|mois|semaines|"
        r"jours) (?:que )?(?:jai|j ai) ce numero|ce numero (?:est (?:maintenant |"
        r"desormais )?le mien|est (?:maintenant |desormais )?a moi|appartient maintenant|"
        r"ma ete|m a ete|a ete)(?: \w+)?",
        r"\w+ n?a (?:plus|pas) ce (?:numero|telephone|portable)|n?etes (?:pas|plus) (?:chez|"
        r"sur le (?:numero|telephone))",
        r"(?:ancien|ancienne|precedent|precedente) (?:proprietaire|titulaire|detenteur|"
        r"detentrice|abonne\w*)",
        r"n?(?:travaille|habite|vit|bosse|utilise|repond)(?:nt)? (?:plus|pas) (?:ce numero|"
        r"sur ce|a ce)|n?(?:travaille|habite|vit|bosse)(?:nt)? (?:plus|pas) (?:ici|chez nous|"
        r"dans|avec nous|la)|(?:ne )?(?:fait|fais) plus partie|a quitte (?:la societe|"
        r"lentreprise|notre|la boite)",
        r"(?:pas|nest pas|n est pas) (?:pour moi|moi que|a moi que)|pour quelquun dautre|"
        r"une autre personne|pas moi que vous|quelquun dautre que vous",
        r"(?:confond\w+|confusion) (?:avec|de|sur)(?: \w+)*|(?:vous )?(?:navez|n avez|avez|"
        r"as) (?:pas )?(?:le |un )?(?:bon|mauvais) numero|(?:son|leur) ancien numero|"
        r"ancien numero d|une erreur de|non (?:desole |desolee )?erreur$",
        r"ce nest pas mon nom|je (?:ne )?mappelle pas|pas mon nom",
    ),
    complaint=(
        r"(?:signal|denonc)(?:er|e|erai|erons|ons|ement)? (?:\w+ ){0,3}(?:a|au|aupres de"
        r"|33700) ?(?:la |l |de la )?"
        r"(?:\w+ )?(?:cnil|police|dgccrf|33700|gendarmerie|bloctel|autorites|arcep|justice"
        r"|lacnil)",
        r"(?:(?:je|on|nous) (?:porte|depose|porterai|deposerai)|(?:vais|allons) (?:porter"
        r"|deposer)) plainte(?! contre (?!vous))|je vais vous (?:signaler|poursuivre|denoncer)",
        r"(?:c est|cest|ceci est|ca devient|c est devenu) (?:du )?harcelement|vous me harcelez",
        r"mon avocat\w* (?:va|vous|prendra|est) (?:\w+ ){0,3}(?:contact\w*|prevenu\w*|saisi\w*)$",
    ),
    corrected=(
        r"(?:je vais|on va|nous allons|je dois) changer de num[eé]ro|mon num[eé]ro (?:va changer|changera|change)|(?:changer|actualiser|mettre à jour|modifier) (?:mon|notre) num[eé]ro",
        r"mon (?:nouveau |bon |vrai )?numero (?:est (?:maintenant |desormais )?|cest )(?:le"
        r" )?\d[\d ]{3,}",
        r"(?:utilis\w+|appel\w+|ecriv\w+|contact\w+|joign\w+) (?:\w+ ){0,3}(?:au|le|sur le)"
        r" \d[\d ]{5,}",
        r"le (?:bon|nouveau) numero (?:est|cest) (?:le )?\d[\d ]{3,}",
    ),
    confirmed=(
        r"(?:c est|cest|ceci est) (?:bien |toujours |encore )?(?:mon|le bon) numero|^(?:oui"
        r" )?bon numero$",
        r"vous avez (?:bien )?le bon numero|(?:j ai|jai) (?:toujours|encore) (?:ce|le meme)"
        r" numero",
    ),
    uncertain=(
        r"ne (?:veux|voulons|souhaite) pas que (?:vous|tu) (?:arrêt|cess)\w*",
        r"(?<!vous )(?<!tu )ne (?:veux|souhaite|desire|voulons|souhaitons|compte) pas (?:me |nous |etre |que vous me |arreter |quitter )?(?:desabonn|desinscri|retir|supprim|arret|quitt|les messages|enlev)\w*|(?<!vous )(?<!tu )ne (?:me|nous) (?:desinscri\w+|desabonn\w+|retir\w+|supprim\w+|enlev\w+) pas",
        r"liste d ?attente|en copie|de la copie|de (?:la reunion|linvitation|lagenda|lequipe|la police)",
        r"pas encore (?:le|la|les|l\w|mon|ma|votre)|encore (?:le contrat|la facture|le devis)|avant (?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|midi|demain)",
        r"(?:ma|ta|la|lui|leur|nous) (?:dit|demande) d ?(?:e )?(?:arreter|darreter)|mon \w+ narrete pas",
        r"mon (?:numero|nom|adresse|prenom|mail) (?:est|etait) (?:\w+ )?(?:faux|fausse|errone\w*|mal|incorrect\w*)|(?:mauvaise?|fausse?) (?:taille|date|adresse|heure|couleur|jour|porte|commande|etage|bus|article|produit|rue)",
        r"tromp\w+ de (?:taille|date|jour|heure|adresse|couleur|commande|porte|train|bus|modele)",
        r"(?:messages|sms|textos|appels) (?:ca va|me conviennent|cest bon|sont ok)|mais (?:les )?(?:sms|messages) (?:ca va|oui|cest bon)",
        r"(?:au volant|je conduis|en reunion|en cours|je dors|plus de batterie)",
        r"tu (?:ne )?(?:mappelles|m appelles|mecris|m ecris|reponds) (?:jamais|plus)",
        r"(?:recu|eu|trouve|vu|vois) (?:aucun|plus de|pas de)|n?ai (?:pas|plus|jamais|rien) (?:recu|eu|vu)|pas (?:recu|encore recu)",
        r"(?:nest|est|n est|suis|cest|c est) pas (?:un |une |le |la )?(?:mauvais|erreur|faux)|"
        r"pas dans lerreur",
        r"(?:je me suis|jai fait|on sest|je mets|me suis) (?:tromp\w+|erreur|une erreur)|"
        r"jai (?:\w+ ){0,4}(?:mauvais|faux|mal)|(?:donne|mis|laisse|note|compose|"
        r"saisi) (?:\w+ ){0,3}(?:mauvais|faux)",
        r"(?:numero|nom) (?:de|du|sur|dans) (?:la |le |ma |mon )?(?:commande|facture|dossier|"
        r"client|contrat|suivi|devis|colis)",
        r"(?:annul\w+|report\w+|supprim\w+|arret\w+|resili\w+) (?:le |la |mon |ma |mes |un |"
        r"une |ce |l |notre )*(?:rdv|rendez vous|rendezvous|commande|reservation|reunion|"
        r"livraison|visite|contrat|seance|ordonnance|cours|traitement|travail|tabac|compte)",
        r"(?:ne|pas|n) (?:\w+ )?(?:arretez|arrete|stoppez|supprimez|desabonnez) pas|"
        r"n arretez pas|narretez pas|narrete pas|ne me (?:supprimez|desabonnez|retirez) pas",
        r"(?:plutot|de preference|seulement|uniquement|que) (?:par|un|en|sur) (?:mail|sms|"
        r"texto|message|telephone|email|appel|mon)|(?:par|sur) (?:mail|sms|mon autre|"
        r"mon portable|whatsapp) (?:plutot|svp|uniquement|seulement|merci)|plutot que",
        r"(?:maintenant je|pas maintenant|jusqua|jusque|avant|apres \d|ce soir|aujourdhui|"
        r"demain|le soir|le matin|le dimanche|si tard|si tot|a cette heure|en reunion|pendant|"
        r"pour linstant|pour le moment)",
        r"(?:arret|arrets) (?:de bus|du bus|de tram|maladie|de travail|cardiaque|sur image)|"
        r"(?:en|d) arret|prochain arret|fin (?:de|du|des|d)|marre de (?:moi|lui|rire)",
        r"si (?:cest|c est|je|ce nest|vous|jai|jamais)(?: \w+){0,5} (?:erreur|mauvais|bon|"
        r"tromp\w+|numero)|mon nouveau numero|nouveau numero cest|jai change de numero",
        r"(?:il|elle|enfants?|chien|pluie) (?:ne |n )?(?:arrete|sarrete|cesse|veut) (?:pas|plus)",
    ),
    asks_how=(
        r"comment (?:je |on |puis je |peut on |peux je |faire pour |fait on pour |dois je )?(?:me |se )?m?(?:quitt|sort|resili|annul|retir|enlev|bloqu|supprim|stopp)\w*(?: (?:de|du|d|la|cette|votre|vos|ces|cet|les|mon|numero|mes)){0,4} (?:liste|listes|messages?|sms|textos?|abonnement|pubs?|publicites?|spam)",
        r"^comment (?:je |on |puis je |faire pour )?(?:me |se |m |vous )?(?:resili|annul|desabonn|desinscri|stopp|arret|bloqu)\w*(?: (?:ca|cela|tout|svp|ceci|vous))*$",
        r"(?:a qui|ou) (?:dois je |puis je |faut il )?(?:m|me|s)? ?adress\w* pour (?:etre|que)",
    ),
    weak=(
        r"arret\w*|darret\w*|erreur|desabonn\w+|desinscri\w+|mauvais numero|faux numero|"
        r"erreur de|tromp\w+|harcel\w+|spam\w*|pas interess\w+|signal\w+|plainte"
        r"|qui est \w+|supprim\w+|ne me|ne plus|deced\w+|mort|comment avez vous eu|cnil|"
        r"annuler|stop\w*",
    ),
    question_starts=(
        "est ce|cest bien|c est bien|comment (?:faire|puis|je|on|se)|puis je|"
        "dois je|suis je|ai je|me suis je|que se passe|etes vous|es tu|avez vous|peut on|quel|"
        "quelle|pourquoi est ce que je"
    ),
    request_starts=(
        r"(?:puis je|pourrais je|peut on|pourrait on|pouvons nous) (?:svp |sil vous plait )?etre |"
        r"(?:pouvez|pourriez|peux|pourrais|voulez|veux) (?:vous|tu) (?:svp |sil vous plait |bien |"
        r"s il vous plait )?(?:arret|me|cess|supprim|retir|ne|enlev|efface|desabonn)\w*|"
        r"serait il possible de ne plus|merci de"
    ),
    denials=(
        r"(?:aucune id[eé]e|sais pas)(?: de)? qui est",
        r"(?:je ne suis|j'?e? ?suis|chui|suis) pas",
        r"(?:ce n'?est|c'?est|cest|ce nest|n'est|nest) (?:pas|plus)(?: (?:le (?:num[eé]ro|t[eé]l[eé]phone|portable) d[e'’]))?",
        r"(?:je ne )?connais (?:pas|aucun|aucune)(?: de)?",
        r"(?:il n'?y a|y a|ya) (?:pas|aucun|aucune)(?: de)?", r"(?:je )?(?:ne )?m['’]appelle pas",
        r"pas (?:le num[eé]ro|chez|le t[eé]l[eé]phone) d?e?",
        r"^(?:non|d[eé]sol[eé]e?),? (?:pas|ce n'est pas)",
    ),
    no_such_person=(r"aucune?", r"pas de", r"pas chez", r"pas"),
    abbreviations={
        "num": "numero", "tel": "telephone", "msg": "message", "msgs": "messages",
        "mess": "messages", "bjr": "bonjour", "jms": "jamais",
        "pk": "pourquoi", "pr": "pour", "ds": "dans", "vs": "vous", "ns": "nous", "pa": "pas",
        "numro": "numero", "areter": "arreter",
        "aretez": "arretez", "arreté": "arrete", "arrter": "arreter", "chui": "suis",
        "jsuis": "suis",
    },
)  # fmt: skip
