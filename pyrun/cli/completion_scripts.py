"""How each shell asks `pyrun __complete` for candidates, and shows them: scripts for bash, zsh and fish.

The answer's first line is the kind of paths that the shell shall add, and what stands before them in the word; each
line after it a candidate and its meaning, a tab between. Only bash takes words apart at = and :, and only bash
leaves quoting to its script.
"""

BASH = r"""# bash completion for pyrun: pyrun completion bash
_pyrun() {
    local IFS=$' \t\n' rest=${COMP_LINE:0:COMP_POINT} at piece words=() word answer paths before line found cut
    for ((at = 0; at <= COMP_CWORD; at++)); do
        piece=${COMP_WORDS[at]}
        ((at < COMP_CWORD)) || { [[ $rest == *"$piece"* ]] || piece=${rest##*[[:blank:]]}; }
        if ((at == 0)) || [[ $rest == [[:blank:]]* ]]; then
            words+=("$piece")
        else
            words[${#words[@]} - 1]+=$piece
        fi
        rest=${rest#"${rest%%[![:blank:]]*}"}
        rest=${rest#"$piece"}
    done
    word=${words[${#words[@]} - 1]#[\"\']}
    COMPREPLY=()
    mapfile -t answer < <("${words[0]/#\~\//$HOME/}" __complete -- "${words[@]:1:${#words[@]}-2}" "$word" 2>/dev/null)
    IFS=$'\t' read -r paths before <<<"${answer[0]}"
    cut=
    [[ $word == *[=:]* ]] && cut=${word%"${word##*[=:]}"}
    for line in "${answer[@]:1}"; do
        found=${line%%$'\t'*}
        printf -v found %q "${found#"$cut"}"
        COMPREPLY+=("$found")
    done
    case $paths in
    files | directories)
        if ((${#COMPREPLY[@]} == 0)); then
            compopt -o default
            [[ $paths == files ]] || compopt -o dirnames +o default
        else
            compopt -o filenames
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
                if [[ $paths == files ]]; then compgen -f -- "${word##*[=:]}"; else compgen -d -- "${word##*[=:]}"; fi
            )
        fi
        ;;
    esac
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=:/] ]]; then compopt -o nospace; fi
}
complete -F _pyrun pyrun
"""

ZSH = r"""#compdef pyrun
# zsh completion for pyrun: pyrun completion zsh
_pyrun() {
    local -a answer words_ended words_open shown_ended shown_open
    local line word meaning paths before
    local -i width=0
    answer=("${(@f)$(command ${(Q)words[1]} __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    paths=${answer[1]%%$'\t'*}
    before=${answer[1]#*$'\t'}
    for line in "${(@)answer[2,-1]}"; do
        word=${line%%$'\t'*}
        ((${#word} <= width)) || width=${#word}
    done
    for line in "${(@)answer[2,-1]}"; do
        word=${line%%$'\t'*}
        meaning=${line#*$'\t'}
        [[ -z $meaning ]] || line="${(r:width:)word}  -- $meaning"
        [[ -n $meaning ]] || line=$word
        if [[ $word == *[=:/] ]]; then
            words_open+=("$word")
            shown_open+=("$line")
        else
            words_ended+=("$word")
            shown_ended+=("$line")
        fi
    done
    local -i status_=1
    ((!${#words_ended})) || { compadd -l -d shown_ended -a words_ended && status_=0; }
    ((!${#words_open})) || { compadd -l -S '' -d shown_open -a words_open && status_=0; }
    if [[ -n $paths ]]; then
        [[ -z $before ]] || compset -P "${(b)before}"
        if [[ $paths == directories ]]; then _files -/ && status_=0; else _files && status_=0; fi
    fi
    return status_
}
if [[ ${funcstack[1]-} == _pyrun ]]; then _pyrun "$@"; else compdef _pyrun pyrun; fi
"""

FISH = r"""# fish completion for pyrun: pyrun completion fish
function __pyrun_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    test -n "$current"; or set current ''
    set -l answer (command $words[1] __complete -- $words[2..] "$current" 2>/dev/null)
    set -l paths (string split \t -- $answer[1])
    test (count $answer) -lt 2; or printf '%s\n' $answer[2..]
    set -l path (string sub -s (math 1 + (string length -- "$paths[2]")) -- "$current")
    switch "$paths[1]"
        case files
            __fish_complete_path "$path" '' | string replace -r '^' -- (string replace -a '\\' '\\\\' -- "$paths[2]")
        case directories
            __fish_complete_directories "$path" '' | string replace -r '^' -- "$paths[2]"
    end
end
complete -c pyrun -e
complete -c pyrun -f -a '(__pyrun_complete)'
"""

SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
