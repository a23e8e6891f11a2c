# The Debian package, used as its readers will: `cargo xtask package` runs this as root, in namespaces of its own (mounts,
# processes, network). Whatever is installed, written or started here is in memory and gone when it ends; the machine stays as it was.
#
#   sh proof.sh PACKAGE VERSION FOLDER     in an empty root, then in a systemd that is booted on a copy of this machine
#   sh proof.sh                            inside of that, started by its systemd
set -eu
server=http://127.0.0.1:8700 # As the configuration in the package says.
settings=/etc/lingpai/lingpai.toml

step() { echo "  -> $*"; }
fail() { echo "proof: $*" >&2; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: '$2', not '$3'"; }
answers() { curl --silent --show-error --fail --max-time 10 --output /dev/null "$@" $server/healthz; }
mode() { stat --format "%U:%G %a" "$1"; }
says() { systemctl show lingpai.service --property "$1" --value; }

# Waits until another process than $1 is up.
replaced() {
    for _ in $(seq 150); do
        case "$(systemctl show lingpai.service --property MainPID,ActiveState | sort | tr '\n' ' ')" in
        *"MainPID=$1 "*) ;;
        "ActiveState=active "*) return 0 ;;
        esac
        sleep 0.1
    done
    fail "it was not started again: $(says SubState)"
}

empty_root() {
    step "an empty root, with nothing in it but the package and certificates: it runs, answers, and ends when asked to"
    root=$folder/empty
    dpkg-deb --extract "$package" "$root"
    mkdir -p "$root/var/lib/lingpai" "$root/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    is "--version" "$(chroot "$root" /usr/bin/lingpai --version)" "lingpai $version"
    chroot "$root" /usr/bin/lingpai --config $settings config check
    chroot "$root" /usr/bin/lingpai --config $settings serve >"$folder/log" 2>&1 &
    answers --retry 20 --retry-delay 1 --retry-connrefused || { cat "$folder/log"; fail "it does not answer"; }
    kill -TERM $!
    wait $! || { cat "$folder/log"; fail "it did not end in order"; }
}

boot() {
    step "a copy of this machine, in memory, booted by systemd"
    root=$folder/root
    mkdir "$root" "$folder/top" "$folder/work"
    mount -t overlay -o "lowerdir=/,upperdir=$folder/top,workdir=$folder/work" overlay "$root"
    mount -t tmpfs none /run # systemd-nspawn notes there what it runs.
    # Nothing starts but this.
    rm -rf "$root"/etc/systemd/system/*.wants
    cat >"$root/etc/systemd/system/proof.service" <<END
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
StandardOutput=file:/proof/log
StandardError=file:/proof/log
ExecStart=/bin/sh /proof/proof.sh
END
    mkdir "$root/proof"
    cp "$0" "$root/proof/proof.sh"
    cp "$package" "$root/proof/lingpai.deb"
    booted=0
    systemd-nspawn --quiet --directory="$root" --machine=lingpai-proof --private-network --register=no --keep-unit \
        --link-journal=no --console=pipe --boot -- --unit=proof.service >"$folder/log" 2>&1 </dev/null || booted=$?
    if [ -e "$root/proof/log" ]; then cat "$root/proof/log"; else cat "$folder/log"; fi
    is "the status it ended with" "$booted" 0
}

in_systemd() {
    trap '[ $? = 0 ] || journalctl --unit lingpai --no-pager --lines 20' EXIT
    step "installed: the user, and who may read what"
    dpkg --install /proof/lingpai.deb
    is "files that differ" "$(dpkg --verify lingpai | grep --invert-match ' c ' || true)" ""
    is "the user's home" "$(getent passwd lingpai | cut -d: -f6)" /var/lib/lingpai
    is "/etc/lingpai" "$(mode /etc/lingpai)" "root:lingpai 750"
    is "$settings" "$(mode $settings)" "root:lingpai 640"
    is "/etc/lingpai/secrets" "$(mode /etc/lingpai/secrets)" "root:lingpai 750"
    systemd-analyze verify --man=no --recursive-errors=no lingpai.service lingpai.socket

    step "enabled and started: it is up when it answers, within all that the unit forbids it"
    systemctl enable --now lingpai.service
    answers
    is "the data" "$(mode /var/lib/lingpai)" "lingpai:lingpai 700"
    is "the store" "$(mode /var/lib/lingpai/lingpai.db)" "lingpai:lingpai 600"
    runuser --user lingpai -- lingpai --config $settings key create orders >/dev/null

    step "reloaded: the same process"
    process=$(says MainPID)
    systemctl reload lingpai.service
    is "the process" "$(says MainPID)" "$process"

    step "killed, and hanging (WatchdogSec= shortened): started again"
    kill -KILL "$process"
    replaced "$process"
    mkdir -p /run/systemd/system/lingpai.service.d
    printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/lingpai.service.d/proof.conf
    systemctl daemon-reload
    systemctl restart lingpai.service
    process=$(says MainPID)
    kill -STOP "$process"
    replaced "$process"
    is "the reason" "$(journalctl --unit lingpai | grep --count "Watchdog timeout")" 1
    answers
    rm /run/systemd/system/lingpai.service.d/proof.conf
    systemctl daemon-reload

    step "a configuration that has to be changed first: not tried again and again"
    cp --preserve $settings /proof/settings
    echo 'listen_on = "what is no setting"' >>$settings
    ! systemctl restart lingpai.service 2>/dev/null || fail "it took a setting that there is not"
    is "the status" "$(says ExecMainStatus)" 78
    is "the unit" "$(says ActiveState)" failed
    cp --preserve /proof/settings $settings

    step "systemd holds the socket: no connection is refused while it is started again"
    systemctl enable --now lingpai.socket
    answers
    process=$(says MainPID)
    systemctl restart lingpai.service &
    for _ in $(seq 50); do answers; done
    wait $!
    replaced "$process"

    step "installed over itself: started again, and a configuration that was changed stays"
    echo "# changed by hand" >>$settings
    process=$(says MainPID)
    dpkg --install /proof/lingpai.deb
    replaced "$process"
    answers
    grep --quiet "changed by hand" $settings || fail "the changed configuration is lost"

    step "removed: stopped and disabled; the configuration stays"
    dpkg --remove lingpai
    ! answers 2>/dev/null || fail "it still answers"
    [ -z "$(find /etc/systemd/system -name 'lingpai.*')" ] || fail "it is still enabled"
    [ ! -e /usr/bin/lingpai ] || fail "the program is still there"
    [ -e $settings ] || fail "the configuration is gone"

    step "purged: the store stays"
    dpkg --purge lingpai
    [ ! -e /etc/lingpai ] || fail "/etc/lingpai is still there"
    [ -e /var/lib/lingpai/lingpai.db ] || fail "the store is gone"
}

if [ $# = 0 ]; then
    in_systemd
else
    package=$1 version=$2 folder=$3
    mount -t tmpfs none "$folder"
    ip link set lo up
    empty_root
    boot
fi
