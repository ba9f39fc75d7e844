# Completion of hangkit's command line for fish. Put it into
# ~/.config/fish/completions as hangkit.fish, or source it.
function __hangkit_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    string match -q '~*' -- $program; and set program (string replace '~' $HOME -- $program)
    set -l answer ($program __complete $words[2..-1] "=$current" 2>/dev/null)
    switch "$answer[1]"
        case files folders
            set -l flag (string match -r -- '^--[^=]*=' $current)
            set -l typed (string replace -r -- '^--[^=]*=' '' $current)
            set -l names (__fish_complete_path "$typed")
            test "$answer[1]" = folders; and set names (__fish_complete_directories "$typed")
            for name in $names
                echo -- "$flag$name"
            end
        case '*'
            printf '%s\n' $answer[2..-1]
    end
end
complete -c hangkit -f -a '(__hangkit_complete)'
