# shellcheck shell=bash
# Completion of kubectl-runtimemap when it is called by its own name. For `kubectl runtimemap`: kubectl runtimemap completion install
_kubectl_runtimemap() {
    local words
    words=$(kubectl-runtimemap __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        case $word in
            :0) compopt -o default ;;
            :*) ;;
            *) COMPREPLY+=("$word") ;;
        esac
    done <<<"$words"
}
complete -F _kubectl_runtimemap kubectl-runtimemap
