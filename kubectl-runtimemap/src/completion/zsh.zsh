#compdef kubectl-runtimemap
# Completion of kubectl-runtimemap when it is called by its own name. For `kubectl runtimemap`: kubectl runtimemap completion install
_kubectl_runtimemap() {
    local word help
    local -a found
    while IFS=$'\t' read -r word help; do
        case $word in
            :0) _files; return ;;
            :*) ;;
            *) found+=("${word//:/\\:}${help:+:$help}") ;;
        esac
    done < <(kubectl-runtimemap __complete "${(@)words[2,CURRENT-1]}" "${words[CURRENT]}" 2>/dev/null)
    _describe 'runtimemap' found
}
compdef _kubectl_runtimemap kubectl-runtimemap
