#!/bin/bash
# Docker from the distribution, pyrun from the working tree, one root file system for both. Run as root.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends docker.io
chown -R root:root /opt/pyrun-source
/opt/pyrun-source/scripts/quickstart --no-demo
tree=$(ls -d /opt/pyrun-source/rootfs/*-rootfs | head -n 1)
tar -C "$tree" -c . | docker import - "$(basename "$tree" -rootfs)"
