#!/bin/bash
# Make a machine with both engines: Docker of the distribution, pyrun of this working tree, and root file systems that
# both know by the same name.
#
#   sudo vagrant/provision.sh [TREE…]      busybox, debian, ubuntu; busybox and debian where none is named
#
# For Debian and Ubuntu. Vagrant runs it in its boxes; scripts/vm runs it in the tree that its guest is made of, where
# no systemd is running yet. It is quick when run again: what is there is kept, pyrun is made new when it has changed.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$ROOT/scripts/setup.sh"

main() {
    need_root "install Docker and pyrun"
    [ $# -gt 0 ] || set -- busybox debian
    need_packages docker.io busybox-static
    # A package of its own in some releases, part of docker.io in others.
    command -v docker >/dev/null || need_packages docker-cli
    "$ROOT/scripts/quickstart" --no-rootfs
    let_users_type_it
    start_docker
    for tree in "$@"; do
        make_tree "$tree"
    done
}

# Where root may do all without a password, as in Vagrant's boxes, `pyrun ps` and `docker ps` are all that is typed.
let_users_type_it() {
    cat >/etc/profile.d/pyrun.sh <<'WORDS'
# Both engines need root. Written by pyrun's vagrant/provision.sh for this machine alone.
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
    pyrun() { sudo -n /usr/local/bin/pyrun "$@"; }
    docker() { sudo -n /usr/bin/docker "$@"; }
fi
WORDS
}

# In a tree that is yet to boot the daemon serves for the imports alone, in a network of its own that it leaves as it is.
start_docker() {
    if [ -d /run/systemd/system ]; then
        systemctl enable --quiet --now docker
        return
    fi
    unshare --net dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false >/var/log/dockerd 2>&1 &
    daemon=$!
    trap 'kill "$daemon"; wait "$daemon" || :; rm -f /var/log/dockerd' EXIT
    for ((n = 0; n < 600; n++)); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    fail "dockerd: does not answer: $(tail -n 1 /var/log/dockerd)"
}

# A mirror that does not answer is no failure as long as there is the tree that needs none.
make_tree() {
    local place=/var/lib/pyrun/rootfs/$1 status=0
    if [ ! -d "$place" ]; then
        [ "$1" != debian ] || need_packages mmdebstrap debian-archive-keyring
        "$ROOT/scripts/make-rootfs" "$1" "$place" </dev/null || status=$?
        [ "$status" != 3 ] || { say "$1: left out" && return; }
        [ "$status" = 0 ] || exit "$status"
    fi
    docker image inspect "$1" >/dev/null 2>&1 || step "give $1 to Docker" import "$1" "$place"
}

import() { tar -C "$2" -c --numeric-owner --xattrs --acls --selinux . | docker import - "$1"; }

main "$@"
