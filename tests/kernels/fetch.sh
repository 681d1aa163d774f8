#!/usr/bin/env bash
# fetch.sh SERIES: the folder of Debian's newest cloud kernel of SERIES (5.10, 6.1, 6.12, 7), fetched when it is not cached yet. 6.1-arm64 is
# that of another architecture, and programs-arm64 the folder of Debian's programs for it that this machine cannot lend.
#
# The packages come through apt, from the mirrors this machine already uses, but with lists and sources of their own in the cache:
# the system's sources stay as they are and nothing is installed. A cached kernel is kept until its folder is removed.
set -euo pipefail

die() { echo "kernels: $*" >&2; exit 1; }

series=${1:?usage: fetch.sh SERIES}
cache=${RUNTIMEMAP_CACHE:-$(cd "$(dirname "$0")/../.." && pwd)/.cache}
kernels=$cache/kernels
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Debian 11 has 5.10; Debian 12 has 6.1 and, among its security updates, 6.12; Debian's unstable branch has the newest, a 7.
case $series in *-arm64) architecture=arm64 ;; *) architecture=amd64 ;; esac
number=${series%"-$architecture"}
case $number in
    5.10) release=bullseye meta=linux-image-cloud-$architecture ;;
    6.1) release=bookworm meta=linux-image-cloud-$architecture ;;
    6.12) release=bookworm meta=linux-image-6.12-cloud-$architecture ;;
    7) release=sid meta=linux-image-cloud-$architecture ;;
    programs) release=bookworm ;;
    *) die "no kernel of series '$series' is known here; the known ones are 5.10, 6.1, 6.12 and 7, each also with -arm64" ;;
esac

if [ -e "$kernels/$series/version" ]; then
    echo "$kernels/$series"
    exit
fi

# The mirror that this machine takes packages with that label from.
mirror() {
    apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages' | awk -F'|' -v label="$1" '$1 == label { print $2; exit }'
}

own_apt() { # a folder of apt's own state for this release
    local folder=$1 main security
    main=$(mirror Debian)
    security=$(mirror Debian-Security)
    case $main,$security in ,* | *,) die "this machine has no Debian package sources (apt-get indextargets names none); kernels come from there: leave them out with WITHOUT=kernels" ;; esac
    [ -e "$keyring" ] || die "$keyring is missing; install the package debian-archive-keyring"
    mkdir -p "$folder"/{lists/partial,archives/partial}
    : >"$folder/status"
    cat >"$folder/sources.list" <<SOURCES
deb [arch=$architecture signed-by=$keyring] $main $release main
SOURCES
    # The unstable branch has no security updates of its own.
    [ "$release" = sid ] || echo "deb [arch=$architecture signed-by=$keyring] $security $release-security main" >>"$folder/sources.list"
    cat >"$folder/apt.conf" <<CONF
Dir::State "$folder";
Dir::State::status "$folder/status";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder";
Dir::Cache::archives "$folder/archives";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
}

apt=$cache/apt-$release
[ "$architecture" = amd64 ] || apt+=-$architecture
own_apt "$apt"
export APT_CONFIG=$apt/apt.conf
apt-get update -qq >&2 || die "failed to read the package lists of $release; see apt-get's words above"

work=$(mktemp -d "$apt/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

kernel() {
    # The meta package names the image; of several versions the newest of the series counts.
    local image vmlinuz packages
    image=$(apt-cache show "$meta" | awk -v series="$number." '
        $1 == "Version:" { wanted = index($2, series) == 1; version = $2 }
        $1 == "Depends:" && wanted { for (i = 2; i <= NF; i++) if ($i ~ /^linux-image-/) print version, $i }' | sort -V | tail -1 | cut -d' ' -f2)
    [ -n "$image" ] || die "no package of $release holds a $number kernel any more (looked at what $meta depends on)"
    echo "kernels: fetching $image" >&2
    version=${image#linux-image-}
    # Newer packages hold the kernel and its modules apart, in packages that the image's depends on.
    mapfile -t packages < <(apt-cache show "$image" | awk -v version="$version" '
        $1 == "Depends:" { for (i = 2; i <= NF; i++) if ($i == "linux-binary-" version || $i == "linux-modules-" version) print $i; exit }')
    (cd "$work" && apt-get download -qq "$image" "${packages[@]}" >&2) || die "failed to fetch the package $image"
    mkdir "$work/tree"
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
    [ -e "$work/tree/lib" ] || ln -s usr/lib "$work/tree/lib"
    depmod -b "$work/tree" "$version"
    vmlinuz=$(find "$work/tree" -type f -name 'vmlinuz*' | head -1)
    [ -n "$vmlinuz" ] || die "the packages of $image hold no kernel"
    mv "$vmlinuz" "$work/tree/vmlinuz"
    rm -rf "$work/tree/boot" "$work/tree/usr/share"
}

# What run.sh puts into its machines, with all that it depends on.
programs() {
    version=$release
    echo "kernels: fetching programs of $release for $architecture" >&2
    apt-get install -qq -y --download-only --no-install-recommends -o "Dir::Cache::archives=$work" \
        busybox-static bash bpftool coreutils findutils grep python3 sed strace tar util-linux >&2 || die "failed to fetch programs for $architecture"
    mkdir -p "$work/tree"/usr/{bin,lib,sbin}
    ln -s usr/bin usr/lib usr/sbin "$work/tree/"
    for package in "$work"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -C "$work/tree" --keep-directory-symlink -xf -; done
    rm -rf "$work/tree/usr/share"
}

case $number in programs) programs ;; *) kernel ;; esac
echo "$version" >"$work/tree/version"

# In place in one step, so that a run that was cut short leaves nothing half done.
mkdir -p "$kernels"
rm -rf "${kernels:?}/$series"
mv "$work/tree" "$kernels/$series"
echo "$kernels/$series"
