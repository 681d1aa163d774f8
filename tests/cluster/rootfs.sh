#!/usr/bin/env bash
# rootfs.sh FOLDER [PACKAGE|/FILE]…: a container's file system: the files of installed Debian packages, or single ones, the libraries
# that their programs load, and what every system has: users, /tmp, merged /usr.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: rootfs.sh FOLDER [PACKAGE|/FILE]..." >&2; exit 2; }
folder=$1
shift
mkdir -p "$folder"/{dev,etc,proc,run,sys,usr/{bin,sbin,lib,lib64},var/tmp} "$folder/tmp"
chmod 1777 "$folder/tmp" "$folder/var/tmp"
for name in bin sbin lib lib64; do ln -sfn "usr/$name" "$folder/$name"; done
printf '%s\n' root:x:0:0::/:/bin/sh daemon:x:1:1::/:/bin/false www-data:x:33:33::/:/bin/false postgres:x:70:70::/tmp:/bin/sh \
    redis:x:71:71::/:/bin/false nobody:x:65534:65534::/:/bin/false >"$folder/etc/passwd"
printf '%s\n' root:x:0: daemon:x:1: www-data:x:33: postgres:x:70: redis:x:71: nogroup:x:65534: >"$folder/etc/group"
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$folder/etc/nsswitch.conf"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's own paths, without the links that its merged /usr has.
merged() { sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,'; }

for item in "$@"; do
    case $item in
        /*) echo "$item" ;;
        *) dpkg -L "$item" | grep -vE '^/(\.|usr/share/(doc|man|locale|lintian|bug|vim|apport)(/.*)?|lib/systemd/.*|etc/init.d/.*)$|llvmjit|/bitcode/' ;;
    esac
done | merged | while read -r path; do if [ -f "$path" ]; then echo "$path"; fi; done >"$work/files"

# A library is a link and what it points to.
while read -r path; do
    [ "$(head -c 4 "$path" | tr -d '\0')" = $'\177ELF' ] || continue
    ldd "$path" 2>/dev/null | grep -oE '/[^ ]+' || true
done <"$work/files" | sort -u | merged | while read -r path; do echo "$path"; readlink -f "$path"; done >"$work/libraries"

sort -u "$work/files" "$work/libraries" | sed 's,^/,,' | tar -C / --no-recursion -cf - -T - | tar -C "$folder" -xf -
