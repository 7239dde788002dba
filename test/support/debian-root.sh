# Sourced: makes Debian roots with debootstrap, as root, from the mirror of this machine's apt configuration.

# Debian's own mirror among apt's sources, not the one of its security updates.
debian_mirror() {
    apt-get indextargets --format '$(LABEL) $(SITE) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" { print $NF; exit }'
}

# What this machine's apt was told about proxies and dates, without its sources.
apt_settings() {
    apt-config dump Acquire | grep -E '^Acquire::(Check-|https?::)' || true
}

# debian_root RELEASE FOLDER OPTION...: says why if it fails; FOLDER.log has more
debian_root() {
    local release=$1 root=$2 from
    shift 2
    from=$(debian_mirror)
    [ -n "$from" ] || { echo "apt knows no mirror of Debian" && return 1; }
    rm -rf "$root.new"
    debootstrap --variant=minbase "$@" "$release" "$root.new" "$from" >"$root.log" 2>&1 || {
        echo "debootstrap failed, see $root.log"
        return 1
    }
    apt_settings >"$root.new/etc/apt/apt.conf.d/90machine"
    mv "$root.new" "$root"
}
