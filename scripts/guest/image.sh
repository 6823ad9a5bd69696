# shellcheck shell=bash
# How the guest's disk is made, of packages alone: a bare Debian, furnished within itself. Sourced by scripts/vm.

# All that decides what the image contains, beside the packages of today; what a run brings along does not.
image_key() {
    (cd "$ROOT" && cat scripts/guest/{image.sh,furnish,kernel,initrd} scripts/{quickstart,setup.sh,make-rootfs} \
        vagrant/provision.sh pyrun/rootfs/recipes/{__init__,busybox}.py &&
        sed -n '/^dependencies = \[/,/^\]/p; /^test = /p' pyproject.toml) | sha256sum | cut -c1-16
}

# make_image DIRECTORY: it has the disk, the kernels and their initrds afterwards, or is not there.
make_image() {
    local work=$1.work tree=$1.work/tree
    need_packages mmdebstrap e2fsprogs debian-archive-keyring
    rm -rf --one-file-system "$work" && mkdir -p "$work"
    step "make a bare Debian" mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
        --include="systemd-sysv,udev,dbus,kmod,sudo,python3-venv,python3-dev,ca-certificates,${TEST_TOOLS// /,}" trixie "$tree"
    mkdir -p "$tree/checkout"
    checkout | tar -C "$tree/checkout" -x
    # A mount namespace, so that nothing stays mounted, and process IDs, so that nothing goes on running.
    unshare --mount --pid --fork --kill-child --propagation private bash -c "$FURNISH" bash "$tree" ||
        fail "the guest's tree cannot be furnished"
    mv "$tree"/boot/{vmlinuz,initrd}-{current,legacy} "$work/"
    step "make its disk" mke2fs -q -t ext4 -d "$tree" "$work/disk" 3G
    rm -rf --one-file-system "$tree"
    mv "$work" "$1"
}

# The way to PyPI may need this machine's certificates; / has to be a mount point for Docker.
FURNISH='
set -e
mount --bind "$1" "$1"
cd "$1"
cp /etc/resolv.conf etc/resolv.conf
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    mount --bind /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
fi
exec chroot . /checkout/scripts/guest/furnish
'
