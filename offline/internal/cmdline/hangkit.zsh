#compdef hangkit
# Completion of hangkit's command line for zsh. Put it into a folder of $fpath as
# _hangkit, or source it behind compinit.
_hangkit() {
    local kind line tab=$'\t'
    local -a lines found
    lines=("${(@f)$("${(Q)~words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "=${(Q)PREFIX}" 2>/dev/null)}")
    kind=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        found+=("${${line%%$tab*}//:/\\:}${${(M)line%%$tab*}/$tab/:}")
    done
    case $kind in
    files) compset -P '--[^=]#=' ; _files ;;
    folders) compset -P '--[^=]#=' ; _files -/ ;;
    *) _describe hangkit found ;;
    esac
}
if [[ $funcstack[1] == _hangkit ]]; then
    _hangkit "$@"
else
    compdef _hangkit hangkit
fi
