"""Pages of the verbs of the lab."""

from pyrun.cli.manual import Page

_CODES = (
    ("0", "all is right"),
    ("1", "something is not, or no lab is running"),
    ("125", "the line was not understood, or pyrun itself failed"),
)

PAGES = {
    "lab start": Page(
        "A lab is a host of its own, with processes, links, rules and an /etc that the machine never sees, and an"
        " internet behind it. It stands until pyrun lab stop, also when its shell is left.\n\n"
        "In bridge nine stages lead from an empty host to a container that opens a page on the internet: namespace,"
        " veth, bridge, addresses, up, route, forwarding, masquerade, dns. In broken a network of containers works but"
        " for one fault, which --seed chooses.",
        (
            ("pyrun lab start bridge", "on a terminal it opens a shell there"),
            ("pyrun lab start --no-shell bridge", "without one"),
            ("pyrun lab start --seed 7 broken", "the same fault for everybody"),
        ),
    ),
    "lab shell": Page(
        "From another terminal, or when the first was left. The prompt shows how far the lab is. A command is run"
        " instead, with its exit code.",
        (
            ("pyrun lab shell", "until exit; the lab goes on"),
            ("pyrun lab shell ip netns list", "one command"),
        ),
        (("0-255", "what the shell or the command ended with"), ("1", "no lab is running")),
    ),
    "lab check": Page(
        "It looks at what the kernel has now, not at what was typed: any way is right that leads there, with any"
        " names. For broken it sends real packets. A STAGE is a name or a number; without one it tells of the first"
        " that is not done. JSON has the points: 10 a stage, less 1, 2 or 5 for one, two or three hints, none for what"
        " pyrun solve did.",
        (
            ("pyrun lab check", "all stages in a line each, and one whole"),
            ("pyrun lab check --format json", "the grade, for instructors"),
        ),
        _CODES,
    ),
    "lab hint": Page(
        "The first says where to look, the second with which command, the third is the command for what is there now.",
        (("pyrun lab hint", "for the stage that is next"), ("pyrun lab hint route", "for another one")),
    ),
    "lab solve": Page(
        "The commands that are shown could have been typed; they go by the names and addresses that are there.",
        (("pyrun lab solve", "the stage that is next, or the fault"), ("pyrun lab solve all", "all that is left")),
    ),
    "lab reset": Page(
        "all makes everything again as at the beginning: for broken with the same fault. Hints that were asked for"
        " are remembered.",
        (("pyrun lab reset masquerade", "one stage"), ("pyrun lab reset all", "everything")),
    ),
    "lab status": Page("", (("pyrun lab status", "the task once more"),)),
    "lab ls": Page("", (("pyrun lab ls", "and which one is running"),)),
    "lab stop": Page(
        "Everything that runs in it is killed, and nothing stays. After a kill -9 of whatever part of it, the next"
        " command cleans.",
        (("pyrun lab stop", "from outside, or from its own shell"),),
    ),
    "lab faults": Page(
        "Each with the seed that gives it first, and what people say of it. JSON has the explanation, too.",
        (("pyrun lab faults", "those of pyrun lab start broken"),),
    ),
}
