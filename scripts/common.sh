# Shared by the scripts: what to install, and saying so. Sourced, not run.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "$0: needs root, as in: sudo $0"; }

# Install the Debian packages of "program:package" pairs whose program is missing. A program written
# with a slash is a file to look for.
install_missing() {
    local missing=() pair program package
    for pair in "$@"; do
        program=${pair%%:*} package=${pair#*:}
        case $program in
            */*) [ -e "$program" ] || missing+=("$package") ;;
            *) PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} = 0 ] && return 0
    command -v apt-get >/dev/null || die "apt-get: not found; install by hand: ${missing[*]}"
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return 0
    apt-get update -q >/dev/null 2>&1 || say "apt-get update: failed, trying with the lists as they are"
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
        die "apt-get install ${missing[*]}: failed"
}

# Make the virtual environment $1 with the given pip arguments, unless it has been made of the same ones.
make_venv() {
    local venv=$1 stamp wanted
    shift
    stamp=$venv/.made-of
    wanted="$(/usr/bin/python3 -V) $* $(cksum <"$top/pyproject.toml")"
    [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return 0
    install_missing gcc:gcc /usr/include/sys/capability.h:libcap-dev \
        "$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h:python3-dev" \
        "/usr/lib/$(uname -m)-linux-gnu/libseccomp.so.2:libseccomp2"
    say "making $venv"
    /usr/bin/python3 -m venv "$venv" >/dev/null 2>&1 || {
        install_missing /nonexistent:python3-venv
        rm -rf "$venv"
        /usr/bin/python3 -m venv "$venv" || die "python3 -m venv $venv: failed"
    }
    "$venv/bin/pip" install -q --disable-pip-version-check "$@" || die "pip install $*: failed"
    printf '%s' "$wanted" >"$stamp"
}

# The third-party packages that pyproject.toml names, one a line; "test" as argument adds the test tools.
dependencies() {
    /usr/bin/python3 - "$top/pyproject.toml" "${1:-}" <<'PYTHON'
import re, sys

text = open(sys.argv[1]).read()
lists = [r"^dependencies = \[(.*?)^\]"] + ([r"^test = \[(.*?)\]"] if sys.argv[2] else [])
for pattern in lists:
    print("\n".join(re.findall(r'"([^"]+)"', re.search(pattern, text, re.M | re.S).group(1))))
PYTHON
}
