"""Given names that people write in small letters, and words that look like names and are none."""

from __future__ import annotations

GIVEN_NAMES = frozenset("""
kim ahmed mohammed mohamed muhammad fatima aisha hassan hussein omar yusuf ibrahim khadija zainab
priya rahul sanjay vijay suresh pooja neha anjali arjun krishna siobhan niamh sinead eoin oisin
todd brad chad kurt derek travis dustin shawn sean craig cody luke jake austin dylan ethan logan
noah liam aiden connor jess jessie mandy tammy tina tracy wendy sherry kristen kristin lindsey
lindsay hailey haley paige courtney erin erica heidi jill kara kelsey leah lucy molly natasha
sabrina shannon tara vanessa whitney marcos marcelo marek oleg
james john robert michael david william richard joseph thomas charles chris christopher daniel
matthew anthony mark steven steve paul andrew joshua kevin brian george edward ed timothy jason
jeff jeffrey ryan jacob gary eric jonathan stephen larry justin scott brandon ben benjamin samuel
sam greg gregory frank alexander alex raymond patrick jack dennis jerry tyler aaron jose adam
nathan henry doug zach peter kyle mike bob bill tom dave dan jim joe tony
mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret
sandra ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon
laura cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine
christine debra rachel carolyn janet maria heather diane ruth julie olivia joyce virginia victoria
kelly lauren christina joan evelyn judith megan andrea cheryl hannah jacqueline martha gloria
teresa ann sara madison frances kathryn janice jean abigail alice julia judy sophia grace denise
amber doris marilyn danielle beverly isabella theresa diana natalie brittany charlotte marie kayla
alexis lori jane kate katie sue jenny
juan carlos luis miguel jorge pedro alejandro manuel francisco javier fernando sergio pablo diego
antonio rafael raul eduardo roberto ricardo mario alberto enrique oscar ana carmen lucia isabel
rosa elena marta pilar dolores sofia paula beatriz cristina silvia raquel gabriela claudia veronica
pierre jean michel philippe alain nicolas christophe laurent francois julien antoine camille sophie
nathalie isabelle sylvie catherine celine chloe lea manon julie claire
hans klaus jurgen wolfgang stefan uwe andreas markus matthias tobias florian sabine petra monika
ursula brigitte claudia susanne anja katrin heike ingrid
joao paulo marcos lucas mateus gabriel thiago bruno felipe gustavo leonardo fernanda juliana
mariana patricia aline camila leticia larissa
giuseppe giovanni francesco luca marco alessandro andrea matteo lorenzo davide stefano giulia chiara
francesca sara martina valentina alessia giorgia elisa paola
piotr krzysztof andrzej tomasz pawel jan michal marcin jakub lukasz adam marek katarzyna malgorzata
agnieszka barbara ewa magdalena joanna monika zofia
иван александр дмитрии сергеи андреи алексеи максим евгении владимир михаил николаи павел олег игорь
виктор юрии анна мария елена ольга наталья наталия татьяна ирина светлана екатерина юлия марина
олександр сергіи андріи дмитро микола василь тарас богдан роман ігор оксана олена тетяна ірина
наталя
марія катерина юлія світлана
""".split())  # fmt: skip

# Capitalised without being a name: days, months, peoples and tongues, brands of telephones, and
# words that begin a sentence.
NOT_NAMES = frozenset("""
irish scottish welsh dutch swedish danish norwegian finnish greek turkish polish japanese korean
vietnamese thai filipino arab arabic persian israeli egyptian nigerian kenyan ghanaian african
asian european latino latina hispanic brazilian colombian peruvian chilean argentinian cuban
puerto dominican haitian jamaican canadian australian texan californian swiss austrian belgian
czech hungarian romanian bulgarian serbian croatian albanian lithuanian latvian estonian georgian
armenian indian pakistani best walmart costco target netflix paypal zelle venmo fedex ups usps dhl
uk usa eu english spanish french monday tuesday wednesday thursday friday saturday sunday january
february march april may june july august september october november december christmas easter
american british german italian russian ukrainian portuguese mexican chinese jewish muslim
christian catholic democrat republican covid iphone android google facebook whatsapp amazon uber i
you he she it we they me my your this that these those the a an any sure interested available free
going able ready happy home here there now yet good ok okay great fine right true fair cool funny
nice helpful working what who how why when where so too very really even just at in on of for to
and but or with about from his her their our its no not yes well only one coming comfortable
familiar aware allowed supposed looking trying getting receiving having doing being been feeling
spam scam job joke problem issue question time big deal enough much more lundi mardi mercredi
jeudi vendredi samedi dimanche montag dienstag mittwoch donnerstag freitag samstag sonntag
""".split())  # fmt: skip

# Names that are words, too: "no bill yet".
NAMES_THAT_ARE_WORDS = frozenset("""
jan april may june august will bill mark jack sue grace frank jean joan rosa dolores pilar luz jim
dan tom tony marie art max
""".split())  # fmt: skip
