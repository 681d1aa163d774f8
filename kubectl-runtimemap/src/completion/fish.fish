# Completion of kubectl-runtimemap when it is called by its own name. For `kubectl runtimemap`: kubectl runtimemap completion install
function __kubectl_runtimemap
    set -l words (commandline -opc) (commandline -ct)
    kubectl-runtimemap __complete $words[2..-1] 2>/dev/null | string match -v -r '^:\d+$'
end
complete -c kubectl-runtimemap -f -a '(__kubectl_runtimemap)'
