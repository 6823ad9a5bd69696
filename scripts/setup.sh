# shellcheck shell=bash
# What the scripts ask of the machine: root, distribution packages, a Python, a virtual environment.
# Sourced by quickstart, test and .ci/run; what they build with it is theirs.

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
umask 022

# What the tests call beside pyrun itself (tini is what --init runs), and what only those of completion, manual pages and
# root file systems call.
TEST_TOOLS="iproute2 iptables nftables iputils-ping strace libcap2-bin procps tini util-linux busybox-static bind9-dnsutils socat conntrack dnsmasq-base xz-utils bzip2 zstd"
TEST_MORE_TOOLS="zsh fish man-db groff-base mmdebstrap"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "${0##*/}: $*"
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "root is needed to $1: run: sudo $0"
}

# step TEXT COMMAND…: run COMMAND silently, show TEXT with its duration; on failure one line with the last complaint.
step() {
    local text=$1 log status=0 started=$SECONDS marks='|/-\' turn=0 job
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/pyrun-step.XXXXXX")
    if [ -t 2 ]; then
        "$@" >"$log" 2>&1 </dev/null &
        job=$!
        while kill -0 "$job" 2>/dev/null; do
            printf '\r\033[K%s %s (%d s)' "${marks:turn++%4:1}" "$text" $((SECONDS - started)) >&2
            sleep 0.2
        done
        wait "$job" || status=$?
        printf '\r\033[K' >&2
    else
        "$@" >"$log" 2>&1 </dev/null || status=$?
    fi
    if [ "$status" != 0 ]; then
        text="$text: $(complaint "$log")"
        rm -f "$log"
        fail "$text"
    fi
    rm -f "$log"
    say "$text: done ($((SECONDS - started)) s)"
}

# The line of a log that says most: the last one that names an error, else the last.
complaint() {
    { grep -iE '^(E:|error|fatal)|: error|cannot|could not|unable|no such|failed' "$1" || tail -n 3 "$1"; } |
        tail -n 1 | cut -c1-300
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# need_packages NAME…: one apt call for those that are missing; none when all are there.
need_packages() {
    local name missing=()
    command -v apt-get >/dev/null || fail "packages: $*: only apt is known here: install them by hand"
    for name in "$@"; do
        installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    step "install ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
    local bounds=(-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=2
        -o DPkg::Lock::Timeout=120)
    # An unreachable third-party list is no reason to stop: the install that follows has the last word.
    timeout 300 apt-get "${bounds[@]}" -qq update || true
    timeout 1200 apt-get "${bounds[@]}" -qq -y --no-install-recommends install "$@"
}

recent_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Set PYTHON to an interpreter of the distribution, 3.11 or later, with venv and headers (Ubuntu 22.04 has 3.11 beside its 3.10).
need_python() {
    local version
    command -v apt-get >/dev/null || {
        PYTHON=$(command -v python3) && recent_enough "$PYTHON" || fail "python3: 3.11 or later is needed"
        return 0
    }
    installed python3 || need_packages python3
    if recent_enough /usr/bin/python3; then
        PYTHON=/usr/bin/python3
        need_packages python3-venv python3-dev "$@"
        return
    fi
    for version in 3.13 3.12 3.11; do
        [ -n "$(apt-cache search --names-only "^python$version-venv\$")" ] || continue
        need_packages "python$version" "python$version-venv" "python$version-dev" "$@"
        PYTHON=/usr/bin/python$version
        return
    done
    fail "python3: 3.11 or later is needed: this distribution has $(/usr/bin/python3 --version)"
}

# need_venv DIRECTORY: one that still runs is kept, a broken or half-made one is made again.
need_venv() {
    if [ -e "$1/complete" ] && recent_enough "$1/bin/python3"; then
        return
    fi
    rm -rf --one-file-system "$1"
    step "make the virtual environment $1" "$PYTHON" -m venv "$1"
}

# requirements [EXTRA…]: what pyproject.toml asks for, one a line.
requirements() {
    "$PYTHON" -I - "$ROOT/pyproject.toml" "$@" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as stream:
    project = tomllib.load(stream)["project"]
print("\n".join(project["dependencies"]))
for extra in sys.argv[2:]:
    print("\n".join(project["optional-dependencies"][extra]))
PYTHON
}

pip_install() {
    local venv=$1
    shift
    PIP_DEFAULT_TIMEOUT=${PIP_DEFAULT_TIMEOUT:-30} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
        timeout 900 "$venv/bin/python3" -m pip --no-input install --retries 2 --no-cache-dir --quiet "$@"
}
