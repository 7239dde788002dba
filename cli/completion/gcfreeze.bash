# bash completion for gcfreeze(1)

_gcfreeze_settings() {
    gcfreeze knobs --color=never 2>/dev/null | sed -n 's/^GCFREEZE_\([A-Z_]*\) .*/--\1/p' |
        tr 'A-Z_' 'a-z-'
}

_gcfreeze() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} options i
    local common="--help --version --color=auto --color=always --color=never"
    COMPREPLY=()

    # behind "--" stands another command: complete it as one
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            if declare -F _command_offset >/dev/null; then
                _command_offset $((i + 1))
            else
                mapfile -t COMPREPLY < <(compgen -c -f -- "$word")
            fi
            return
        fi
    done

    if ((COMP_CWORD == 1)); then
        options="run env path knobs doctor top stat compare report $common"
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --pid)
        mapfile -t COMPREPLY < <(compgen -W "$(ps -eo pid=)" -- "$word")
        return
        ;;
    --shell)
        mapfile -t COMPREPLY < <(compgen -W "sh fish docker systemd kubernetes" -- "$word")
        return
        ;;
    --sort | -s)
        options="tree pid role rss pss private new copied frozen since-fork reshared given-total"
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
        ;;
    --prometheus | -o | --output | --unix-socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
    case $command in
    run) options="--dry-run $(_gcfreeze_settings) --" ;;
    env) options="--shell $(_gcfreeze_settings)" ;;
    knobs) options="--json" ;;
    doctor) options="--pid --json --" ;;
    top) options="--pid --batch --delay --rounds --sort" ;;
    stat) options="--pid --json --prometheus" ;;
    compare)
        options="--seconds --url --unix-socket --connections --rate --wait --modes --json -o --"
        options+=" $(_gcfreeze_settings)"
        ;;
    report)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        options="-o"
        ;;
    *) options="" ;;
    esac
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$options $common" -- "$word")
}

complete -F _gcfreeze gcfreeze
