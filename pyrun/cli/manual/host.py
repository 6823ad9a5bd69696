"""Pages of the verbs about this host, its trees and volumes, and pyrun itself."""

from pyrun.cli.manual import Page

PAGES = {
    "doctor": Page(
        "Looks at the kernel, control groups, firewall, addresses, names, left-overs and space, and says of what is"
        " not as it"
        " should be why, and which command helps. It changes nothing, and works where other verbs do not: with damaged"
        " records, and without root, which it says it cannot see everything without.",
        (
            ("pyrun doctor", "everything, a line each"),
            ("pyrun doctor --quiet", "only what is not as it should be"),
        ),
        (
            ("0", "all is well"),
            ("1", "there are warnings"),
            ("2", "something fails that containers need"),
        ),
    ),
    "completion": Page(
        "Prints what makes a shell complete verbs, options and their values: containers, networks, root file"
        " systems. Names"
        " of containers are root's to see. scripts/quickstart installs it for all three shells.",
        (
            ("source <(pyrun completion bash)", "for this shell"),
            ("pyrun completion fish > ~/.config/fish/completions/pyrun.fish", "for fish"),
        ),
    ),
    "parity": Page(
        "Types each scenario of a catalogue into Docker and into pyrun, on this host, and compares what they print."
        " What is meant to differ is listed, with the reason and the versions of Docker of which it is true; such a"
        " difference that is none any more counts as one that is not listed.\n\n"
        "Docker has to run. Nothing of yours is touched in either: scenarios that would show or take what you have, or"
        " have its names, are skipped and say so. An internet is made for the time, behind a link of its own, and what"
        " the scenarios make is removed, if need be by the next command.\n\n"
        "With reports of former runs, which --format json wrote, nothing is compared: these are shown.",
        (
            ("pyrun parity", "everything, as it is compared"),
            ("pyrun parity --only ports --only 'run: *'", "an area, and all scenarios whose names begin so"),
            ("pyrun parity --format html > parity.html", "a page with both sides beside each other"),
            ("pyrun parity --format markdown 20.json 26.json", "former runs in one table"),
            ("pyrun parity --list", "what there is to be compared"),
        ),
        (
            ("0", "all is equal, or differs as it is listed"),
            ("1", "something differs"),
            ("125", "Docker cannot be reached, or the line was not understood"),
        ),
    ),
    "version": Page("", (("pyrun version", "of pyrun, Python and the kernel"),)),
    "info": Page(
        "What is wrong here, and what helps, is told by pyrun doctor.",
        (
            ("pyrun info", "of this host and what runs on it"),
            ("pyrun info -f '{{.CgroupVersion}}'", "one fact of it"),
        ),
    ),
    "system boot": Page("", (("pyrun system boot", "starts what is to run after a reboot"),)),
    "rootfs ls": Page("", (("pyrun rootfs ls", "those that have a name"),)),
    "rootfs import": Page(
        "A tar archive, also one of docker export or podman export, a directory, or - for standard input.",
        (("docker export web | pyrun rootfs import - web-rootfs", "a container of Docker's"),),
    ),
    "rootfs build": Page("", (("pyrun rootfs build debian", "a small Debian, from its packages"),)),
    "rootfs inspect": Page("", (("pyrun rootfs inspect debian-rootfs", "what it is and who uses it"),)),
    "rootfs rm": Page("", (("pyrun rootfs rm web-rootfs", "unless a container stands on it"),)),
    "volume create": Page("", (("pyrun volume create data", "for run -v data:/data"),)),
    "volume ls": Page("", (("pyrun volume ls", "all of them"),)),
    "volume inspect": Page("", (("pyrun volume inspect data", "where it lies on this host"),)),
    "volume rm": Page("", (("pyrun volume rm data", "with all that is in it"),)),
    "volume prune": Page("", (("pyrun volume prune -f", "those that no container uses, without asking"),)),
}
