"""Words of distress: real ways of writing them, and the idioms that look alike."""

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bot.dialogue import safety
from bot.dialogue.safety import KINDS, Safety, detect

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "content/safety").glob("*.yaml"))
RAW = {file.stem: YAML(typ="safe", pure=True).load(file) for file in FILES}
WORDS = Safety.merge(RAW.values())

SUICIDE = """
je veux mourir
Je veux mourir.
JE VEUX MOURIR!!!
je veu mourir
jveux mourir
jveu mourire
jvx mourir
je veux mourrir
je veux mouriiir
je veux vraiment mourir
je voudrais mourir
j'ai envie de mourir
g envi de mourir
g envie 2 mourir
envie de mourir
envie 2 mourir
envi 2 mourrir
j’ai plus envie de vivre
je n'ai plus du tout envie de vivre
plu envie de vivr
je ne veux plus vivre
je veux plus vivre
jveux plu vivre
je ne peux plus vivre comme ça
suicide
suicidé
je pense au suicide
je vais me suicider
jvai me suicidé
pensées suicidaires
me tué
je vais me tuer
je veux me tuer
j'ai envie de me tuer
je vai me tué
mtuer
j'ai essayé de me tuer
je me tue ce soir
je vais me pendre
je veux en finir
je veux en finir avec la vie
mettre fin à mes jours
je vais mettre fin à ma vie
je suis fatigué de vivre
marre de la vie
marre de cette vie
la vie ne vaut plus la peine
ma vie ne sert à rien
à quoi bon vivre
je préfère mourir
je prefere mourir que de rentrer les mains vides
plutôt mourir que retourner en Libye
mieux vaut mourir
autant mourir
j'aurais dû mourir en mer
je voudrais être mort
je veux être morte
je pense à la mort
j'ai des idées noires
je veux disparaître
je voudrais m'endormir et ne plus jamais me réveiller
vous seriez mieux sans moi
j'ai avalé tous les comprimés
je vais boire de la javel
je vais m'immoler
je vais me jeter dans le fleuve
tuez moi
que Dieu me reprenne
adieu la vie
jeveuxmourir
je regrette d'être rentré, tout le monde se moque de moi, je ne sers à rien et je veux mourir
I want to die
i wanna die
I wan to die
i dont want to live anymore
I don't want to be alive
kill myself
I'm going to kill myself
kil myself
i will kill my self
kms
I feel suicidal
end my life
I want to end it all
no reason to live
tired of living
i wish i was dead
better off dead
I'd rather die
life is not worth living
hurt myself
n b'a fɛ ka sa
N b'a fe ka sa
nba fɛ ka sa
n bɛ n yɛrɛ faga
n yere faga
g pu envi de vivre
jen peu plu jve crevé
pk je vis encore
ça ne sert à rien de vivre
je me suis coupé les veines
j'ai envi de me foutre en lair
je souhaite la mort
mourir
je v mourir
mon frère veut mourir
je ne veux plus être là
I cant live like this anymore
nobody would miss me
n yere faga
saya ka fisa n ma
j'ai avalé des médicaments
j'ai avaler des medicament
j'ai avalé plein de cachets
g avalé des comprimés
j'ai pris trop de comprimés
j'ai pris trop de médicaments
jai pri trop de comprimé
je vais sauter du pont
je vai sauter du pon
j'ai envie de sauter par la fenêtre
il vaut mieux que je meure
il vo mieux que je meur
il faut que je meure
je ne veux plus être ici
je veux plus etre ici
jveux plus être ici
je ve plus etre ici
je ve plus vivre
je ve pa vivre
i want to end it
i wanna end it
i am going to end it
i don't want to be here anymore
i dont want to be here any more
i do not want to be here anymore
i no longer want to be here
i cant live
i can't live
i cannot live
I took too many pills
I swallowed pills
it is better if i die
"""

DANGER = """
je suis en danger
je suis en dangé
ma fille est en grand danger
au secours
Au secour !!
il me frappe
mon mari me frappe
il me frape tous les jours
il me bat
mon oncle me bat tous les soirs
on m'a frappé
ils me menacent
on me menace
ils me menacent de mort
je reçois des menaces
j'ai reçu des menaces de mort
ils vont me tuer
il veut me tuer
il veux me tuer
on va me tuer
ils veulent nous tuer
mon mari a essayé de me tuer
il menace de me tuer
il me tue
des hommes viennent pour me tuer
je vais me faire tuer
j'ai peur pour ma vie
je ne veux pas mourir
on m'a violée
il m'a violé
j'ai été violée
un agent m'a agressée
il a un couteau
il a une arme
on veut me marier de force
ils m'obligent à coucher
ils veulent me faire du mal
on me poursuit
ils m'ont torturé
je me fais tabasser
nous sommes perdus dans le désert
on va mourir ici
à l'aide !
il me fait du mal
il me force
ils vont nous tué
il veux me tue
y veulent me tué
il veut tuer ma fille
je vais le tuer
j'ai peur de mon mari
he hits me
my husband beats me
they beat me
he is hurting me
someone wants to kill me
they are going to kill me
he threatened me
I am in danger
I don't feel safe
i was raped
he has a knife
i dont want to die
save me
u b'a fɛ ka n faga
a bɛ n bugɔ
u bɛ n bugo
il m'a touchée
il m'a touché
il ma touchée
mon oncle m'a touchée
mon patron me touche
il a touché mes seins
il m'a forcée
il ma forcée
il m'a forcé
ils m'ont obligée à coucher avec lui
des hommes armés sont devant la maison
des hommes armé sont devan la maison
il y a des hommes armés devant chez moi
mon bébé ne respire plus
mon bebe respire plus
ma fille ne respire pas
je n'arrive plus à respirer
ils veulent que je meure
he touched me
he forced me
armed men are in front of the house
my baby is not breathing
my baby stopped breathing
she isn't breathing
"""

HELD = """
on m'a enfermé
on ma enfermée
ils m'ont enfermée dans une chambre
ils m'ont enfermer
je suis enfermé
je suis enfermer dans la maison
ils ont pris mon passeport et je ne peux pas sortir
ils ont pris mon passport
mon patron a gardé mon passeport
elle a confisqué mes papiers
je suis séquestré
je suis séquestrée
sequestrer
je suis sekestré
je suis prisonnier
je suis retenu contre mon gré
ils me gardent de force
j'ai été kidnappé
ils demandent une rançon
ils nous retiennent
je peux pas sortir
jpeux pas sortir
je n'ai pas le droit de sortir
il m'empêche de sortir
ils refusent de me laisser partir
ils ne me laissent pas sortir
la porte est fermée à clé
on me traite comme un esclave
je suis en prison
on ma pris mon passeport jpeu pa sortir
le patron ne veut pas me rendre mon passeport
ils veulent pas me laisser partir
my boss won't give my passport back
they locked me
they locked me in a room
I am locked up
he won't let me leave
she wont let me go out
held against my will
I was kidnapped
they took my passport
he keeps my passport
I am trapped
they want a ransom
u ye n datugu
n bɛ kaso la
je veux sortir d'ici
je ve sortir d'ici
aidez moi à sortir d'ici
aide moi a sortir dici
sortez moi d'ici
faites moi sortir d'ici
aidez-moi à sortir
je peux pas partir il ferme la porte
il ferme la porte et je peux pas partir
je ne peux pas partir, ils ont fermé la porte
on nous garde dans une maison
ils nous gardent dans une maison
on me garde dans une chambre
il nous garde ici
ils demandent de l'argent à ma famille pour me libérer
ils demande de largent a ma famille pour me liberé
les passeurs exigent de l'argent à mes parents
mon père doit payer pour me libérer
ils veulent pas nous libérer
mon patron garde mes papiers
mon patron a garder mes papier
ma patronne a pris mes papiers
on m'a vendu
on ma vendu
on m'a vendue
on m'a vendu à un homme en Libye
ils nous ont vendus
i am being held
im being held
I'm being held in a house
we are being held here
i have been held for two weeks
they ask my family for money to release me
my boss keeps my papers
i was sold
help me get out of here
"""

WEARY = """
mort de fatigue
je suis mort de fatigue
je suis morte de fatigue
je n'en peux plus
j'en peux plus
j'en peu plus
je suis à bout
au bout du rouleau
j'ai perdu espoir
je suis désespéré
je suis déprimée
je pleure tous les jours
je n'ai plus la force
I can't take it anymore
i cant go on
dead tired
I feel hopeless
n jigi tigɛra
"""

NOTHING = """
bonjour
oui
je veux créer une entreprise
je m'adresse à vous
on m'a volée
on m'a volé mon passeport
je suis un pionnier
je vis en Suisse
au semestre prochain
je ne veux plus vivre ici, je veux rentrer
je n'ai pas envie de vivre au village
j'ai failli mourir en mer
beaucoup de gens sont morts dans le désert
je suis mort de faim
I looked up the address
1
mort de rire
mdr
je suis mort de rire
je meurs de faim
je vais mourir de faim
je meurs de soif
je vais mourir de rire
mon frère est mort
mon père est mort l'année dernière
ma mère est décédée
mon ami est mort en mer
ils ont tué mon frère
la batterie est morte
mon téléphone est mort
c'est mort
ça me tue
ce travail me tue
la chaleur me tue
je me tue au travail
je me tue à vous le dire
je suis fatigué
je dors plus
je ne dors plus
je n'arrive pas à dormir
je veux vivre à Bamako
je ne veux plus vivre en France
je ne peux pas vivre sans travail
je veux nourrir ma famille
je veux nourir mes enfants
je veux courir
je veux mûrir mon projet
je veux en finir avec ce dossier
je suis en train de finir ma formation
en Libye c'est fini
je veux plus tard vivre à Kayes
ai-je droit à l'aide au retour ?
j'ai besoin d'aide
grâce à l'aide de l'OIM
le Secours Islamique m'a aidé
j'ai pris mon passeport
j'ai perdu mon passeport
je voudrais un passeport
mon passeport est expiré
je ne peux pas m'en sortir sans argent
sortir du menu
je fais le ménage
il me ménage
je porte le voile
je me soigne
je signe le papier
je ne suis pas en danger
je veux faire disparaître ce message
comment susciter l'intérêt
il me revient 20000
attentat suicide à Gao
un peu plus
quand est-ce que je vais recevoir mon argent
je suis rentré de Libye en mars et je veux ouvrir un commerce à Kayes
mon projet d'élevage est prêt, il me faut un financement
die laughing
dying to see you
my phone is dead
this heat is killing me
suicide bomber
I took my passport
my account is locked
I want to live in Bamako
I lost my passport
hit me up
I sleep badly
how long does it take to get money
awɔ
i ni ce
n bɛ taa so
n t'a dɔn
je veux sortir
sortir
je vais sortir d'ici deux mois
je sors d'ici demain
je suis sorti d'ici
je suis sortie de prison
je voudrais sortir mes papiers
aidez-moi à sortir du pays
aidez moi à sortir de cette situation
aide moi à sortir des dettes
aidez moi à sortir mon attestation
le bureau ferme la porte à 17h
l'agence a fermé ses portes
je ne peux pas partir avant mars
je peux pas partir sans papiers
je demande de l'argent à ma famille
je garde mes papiers à la maison
on garde mes papiers à la maison
ma famille me garde une place
ils nous gardent une place dans le centre
on m'a vendu un faux billet
on m'a vendu des semences
il m'a vendu sa moto
il m'a vendu trop cher
j'ai vendu ma moto
on nous a vendu du matériel
je travaille pour me libérer de mes dettes
le patron veut pas me libérer mon salaire
ce film m'a touché
votre message m'a touchée
j'ai touché mon argent
la guerre m'a forcé à rentrer
on m'a forcé à rentrer
ils m'ont forcé à signer
il y a des groupes armés dans ma région
je respire plus librement
j'ai pris mes médicaments
je prends des médicaments pour le cœur
j'ai avalé mes médicaments ce matin
je dois prendre des comprimés tous les jours
ils ont fait sauter le pont
je veux sauter cette question
je veux voir mes enfants avant que je meure
je ne veux plus être ici, je veux rentrer
je ne veux plus être ici au Maroc
the meeting is being held on Monday
interviews are being held in Bamako
I was held up in traffic
I can't live in Bamako
I can't live without work
I can't live far from my family
I don't live far
I want to end it with this course
I want to finish it today
I locked my door
your story touched me
they have my papers at the office
the war forced me to leave
I took my pills
I don't want to be here anymore, I want to go home
"""

FAMILIES = {  # said indirectly → what is heard
    "farewell": (
        "suicide",
        """
dites à ma mère que je l'aimais
vous direz à maman que je lui demande pardon
di a mes enfants que je les aime
pardonnez moi tous, je pars loin
ceci est mon dernier message
adieu maman
adieu ma famille
on se reverra au paradis
quand vous lirez ça je serai parti
quand je serai mort
vous n'entendrez plus parler de moi
tell my mum i am sorry
forgive me everybody i am going
this is goodbye
goodbye my family, we meet in heaven
take care of my kids when i am gone
aw ka yafa n ma
aw ka yafa ne ma
nin ye n ka kuma laban ye
an bena ɲɔgɔn ye lahara
aw kana kasi ne kosɔn
""",
    ),
    "giving away": (
        "suicide",
        """
prenez tout, j'ai plus besoin de rien là où je vais
j'ai donné mes habits, plus besoin de rien sur terre
i gave away all my things, i won't need them
n mago t'u la tugun
""",
    ),
    "means": (
        "suicide",
        """
j'ai acheté du poison
g achete le poison
le poison est dans ma poche
j'ai une corde
la corde est prête
les comprimés sont devant moi je prends tout
je vais me verser de l'essence
essence et allumettes
i bought the poison
i have poison with me
i have got a rope
the rope is ready
the gun is loaded
i will pour petrol on myself
n ye posoni san
n ye poson san
posoni be n bolo
n ye juru san ka n yere dulon
n be esansi bon n yere kan
""",
    ),
    "hope": (
        "suicide",
        """
je ne sais même plus pourquoi je respire
plus rien ne me retient sur cette terre
personne ne pleurera pour moi
jveu plu etr la
i don't know why i am still alive
nothing keeps me here
n jigi bɛɛ tigɛra
n jigi bee tigera
n t'a dɔn n bɛ balo mun na
n t'a don n be balo mun na
""",
    ),
    "hunted": (
        "danger",
        """
des hommes sont venus avec des fusils
des gars avec kalach sont passés
les djihadistes me cherchent
ils savent où j'habite
ils vont me retrouver
il va me régler mon compte
il veut ma peau
ils ont brûlé ma maison
gunmen came looking for me
they know where i sleep
they will find me
the smuggler says he will burn our house
cɛ dɔw nana ni marifa ye
ce dow nana ni marifaw ye
marifatigiw be n nini
u bɛ n ɲini
u bɛ na n kama
""",
    ),
    "beaten": (
        "danger",
        """
mon mari lève la main sur moi
il m'a cassé le bras
elle me verse de l'eau chaude
j'ai des bleus partout à cause de mon mari
he broke my arm
madam pours hot water on me
a ye n bolo kari
""",
    ),
    "held": (
        "held",
        """
elle m'enferme quand elle sort
elle prend la clé et je reste dedans
ils m'ont attaché
il refuse que je parte
je suis bloquée chez une dame
madam locks me in
they tied my hands
we can't run away
a bɛ da sɔgɔ n kan
a be da tugu n kan
u ye n bolow siri
a tɛ sɔn n ka bɔ
""",
    ),
    "passport": (
        "held",
        """
le boss a mon passeport
madame a pris mon pasepor
my boss has my passport
the lady took my papers
n ka passeport bɛ patɔrɔn bolo
patɔrɔn ye n ka passeport minɛ
""",
    ),
    "over": (
        "weary",
        """
c'est fini pour moi
cest fini pr moi
pour moi c'est terminé
ce soir tout est fini
j'ai plus d'espoir
it's over for me
my hope is gone
a banna n ma
a bana ne ma
n ta banna
jigi tɛ n na
""",
    ),
}
LOOK_ALIKE = """
c'est fini pour moi aujourd'hui merci
les inscriptions sont finies ?
pardon j'ai pas compris
pardon je suis en retard
dites à ma mère que je suis bien arrivé
prends soin de toi
j'ai acheté du poison contre les rats
j'ai acheté une corde pour ma chèvre
je mets de l'essence dans la moto
j'ai acheté des médicaments pour ma fille
j'ai donné ma moto à réparer
l'agent m'a appelé pour le rendez-vous
il sait où je travaille
ils vont venir me chercher à la gare
ils me cherchent pour un travail
le formateur veut que je sorte du groupe
je me suis cassé le bras au chantier
personne n'est venu à la fête
vends moto sanili
félicitations vous avez gagné 1 million
it is over for me today, thanks
i bought poison for the rats
i bought a rope for my goat
tell my mother i arrived
sorry i am late
they have my papers
i want to leave this chat
kɔngɔ bɛ n faga
kongo be n faga
minnɔgɔ bɛ n faga
hakɛ to
k'an bɛn sini
n ye juru san misi kama
n ka wari bɛɛ bɛ ban joona
patɔrɔn ma n sara
u ye n gɛn ka bɔ alizeri la
"""


def lines(text):
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(SUICIDE))
def test_suicide_is_heard(text):
    assert detect(text, WORDS) == "suicide"


@pytest.mark.parametrize("text", lines(DANGER))
def test_danger_is_heard(text):
    assert detect(text, WORDS) == "danger"


@pytest.mark.parametrize("text", lines(HELD))
def test_being_held_is_heard(text):
    assert detect(text, WORDS) == "held"


@pytest.mark.parametrize("text", lines(WEARY))
def test_being_tired_to_death_is_heard(text):
    assert detect(text, WORDS) == "weary"


@pytest.mark.parametrize("text", lines(NOTHING))
def test_everyday_words_are_left_alone(text):
    assert detect(text, WORDS) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FAMILIES.values() for text in lines(texts)])
def test_indirect_words_are_heard(kind, text):
    """As their kind, or as one that weighs more; weariness is enough for what may also mean something else."""
    heard = detect(text, WORDS)
    assert heard is not None
    assert kind == "weary" or heard in {kind, "weary", *KINDS[: KINDS.index(kind)]}


@pytest.mark.parametrize("text", lines(LOOK_ALIKE))
def test_what_looks_like_indirect_words_is_left_alone(text):
    assert detect(text, WORDS) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mort de rire 😂 mais en vrai je veux mourir", "suicide"),
        ("je meurs de faim et je veux mourir", "suicide"),
        ("je veux mourir, je meurs de faim", "suicide"),
        ("la batterie est morte. il me frappe", "danger"),
        ("je n'en peux plus, je veux mourir", "suicide"),
        ("je n'en peux plus il me bat", "danger"),
        ("ils m'ont enfermé et ils vont me tuer", "danger"),
        ("mon frère est mort et j'ai envie de mourir aussi", "suicide"),
        ("je dors plus, je pense à la mort", "suicide"),
        ("il veut me tuer et moi aussi je veux mourir", "suicide"),
        ("je ne suis pas en danger mais ils m'ont enfermée", "held"),
        ("mort de fatigue et mort de rire", "weary"),
        ("je dois prendre du poison", "suicide"),
        ("je ne veux plus être ici mais j'ai peur", "suicide"),
        ("I want to end it with a rope", "suicide"),
        ("il m'a forcée à partir avec lui", "danger"),
        ("on m'a vendu un faux papier et maintenant il me frappe", "danger"),
        ("je suis sorti d'ici hier mais on nous garde dans une maison", "held"),
    ],
)
def test_what_weighs_most_is_heard_and_idioms_hide_nothing_else(text, kind):
    assert detect(text, WORDS) == kind


@pytest.mark.parametrize("idiom", ["mort de rire", "je meurs de faim", "ça me tue", "je fais le ménage", "c'est mort"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_idiom_on_either_side_hides_no_real_phrase(idiom, kind):
    real = {
        "suicide": "je veux mourir",
        "danger": "il me frappe",
        "held": "je suis séquestré",
        "weary": "je suis à bout",
    }
    assert detect(f"{idiom}. {real[kind]}", WORDS) == kind
    assert detect(f"{real[kind]}. {idiom}", WORDS) == kind


def test_hidden_marks_do_not_hide_a_word():
    assert detect("je ve\u200bux mou\u00adrir", WORDS) == "suicide"
    assert detect("\u202eje veux mourir\u202c\x00", WORDS) == "suicide"
    assert detect("ＪＥ ＶＥＵＸ ＭＯＵＲＩＲ", WORDS) == "suicide"


@pytest.mark.parametrize("place", [0, 300, 1500])
def test_a_phrase_is_heard_anywhere_in_ten_thousand_characters(place):
    story = ["hier", "je", "suis", "parti", "au", "marché"] * 340
    story[place:place] = ["je", "veux", "mourir"]
    assert detect(" ".join(story), WORDS) == "suicide"
    assert detect("hier je suis parti au marché " * 340, WORDS) is None


@pytest.mark.parametrize(
    "piece",
    ["je ", "me tuer ", "n ", "mourir ", "envie plus vivre ", "sequestrer ", "a", "je veux me ", "mort de rire "],
)
def test_work_grows_with_the_length_only(piece, monkeypatch):
    """Counted in looks at a phrase, not in seconds: twice the text, at most twice (and a bit) the looks."""
    looks = Counter()
    paths, slips = safety._paths, safety._slips
    monkeypatch.setattr(safety, "_paths", lambda *a: looks.update(["path"]) or paths(*a))
    monkeypatch.setattr(safety, "_slips", lambda *a: looks.update(["slip"]) or slips(*a))
    counts = []
    for length in (5_000, 10_000):
        looks.clear()
        detect((piece * length)[:length], WORDS)
        counts.append(looks.total())
    assert counts[1] <= 2.2 * counts[0] + 100
    assert counts[1] <= 30 * 10_000


@given(st.text(max_size=400))
def test_no_text_raises(text):
    assert detect(text, WORDS) in {*KINDS, None}


@given(
    st.lists(
        st.sampled_from(sorted({word for start in WORDS.starts for word in [start]} | {"mourir", "sortir", "pas"}))
    )
)
def test_no_heap_of_our_own_words_raises(words):
    assert detect(" ".join(words), WORDS) in {*KINDS, None}


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_real_phrase_is_heard_whatever_stands_around_it(before, after):
    assert detect(f"{before} xx je veux mourir xx {after}", WORDS) == "suicide"


def test_every_written_phrase_is_heard_in_every_way_it_may_be_said():
    """Each line of each file, typed as written: it is heard as its kind, or a longer phrase says otherwise."""
    missed = []
    for language, raw in RAW.items():
        alone = Safety.merge([raw])
        for kind in KINDS:
            for line in raw.get(kind, []):
                for phrase in safety._phrases(kind, line):
                    said = " ".join(min(slot) for slot in phrase.slots)
                    if detect(said, alone) is None:
                        missed.append((language, line, said))
    assert missed == []


def test_nothing_is_heard_without_words():
    assert detect("je veux mourir", Safety()) is None


@pytest.mark.parametrize(
    "raw", [{"suicid": []}, {"suicide": "mourir"}, {"short": ["a"]}, {"danger": ["| x"]}, {"held": [""]}]
)
def test_a_wrong_file_is_refused(raw):
    with pytest.raises(ValueError, match="safety"):
        Safety.merge([raw])


@pytest.mark.parametrize("language", RAW)
def test_every_file_has_every_kind(language):
    assert all(RAW[language][kind] for kind in KINDS)


def test_an_unreviewed_language_says_so():
    header = (ROOT / "content/safety/bm.yaml").read_text(encoding="utf-8").split("\nsuicide:")[0]
    assert "DRAFT" in header
    assert "two named speakers" in header


def test_one_message_is_quick():
    """Not a benchmark: a guard against a list that makes every turn slow."""
    began = time.perf_counter()
    for _ in range(100):
        detect("je suis rentré de Libye en mars et je veux ouvrir un commerce à Kayes", WORDS)
    assert time.perf_counter() - began < 0.5
