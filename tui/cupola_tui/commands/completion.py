"""`cupola completion SHELL`: what a shell needs to complete commands, options and names of records."""

from typing import Annotated, Literal

from cupola.actions import Action, Arg
from cupola_tui.commands import acting
from cupola_tui.commands.options import Options

# The shell hands over the words before the cursor and the one at it; file names it completes itself, on the answer ":".
SCRIPTS = {
    "bash": r"""_cupola() {
    local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(cupola _complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null))
    if [[ "${COMPREPLY[0]}" == : ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
        compopt -o filenames
    elif [[ "${COMPREPLY[0]}" == *[=@] ]]; then
        compopt -o nospace
    fi
}
complete -F _cupola cupola
""",
    "zsh": r"""#compdef cupola
_cupola() {
    local -a found
    found=("${(@f)$(cupola _complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ "${found[1]}" == ":" ]]; then
        _files
    elif [[ -n "${found[1]}" ]]; then
        compadd -Q -- "${found[@]}"
    fi
}
if [[ "${funcstack[1]}" == _cupola ]]; then _cupola "$@"; else compdef _cupola cupola; fi
""",
    "fish": r"""function __cupola
    set -l words (commandline -opc) (commandline -ct)
    set -l found (cupola _complete -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c cupola -f -a '(__cupola)'
""",
}
WHERE = {
    "bash": 'eval "$(cupola completion bash)"        # in ~/.bashrc',
    "zsh": 'eval "$(cupola completion zsh)"         # in ~/.zshrc, after compinit',
    "fish": "cupola completion fish | source        # in ~/.config/fish/config.fish",
}


def run(words: list[str], options: Options) -> int:
    return acting.run_own(COMMAND, words, options)


Shell = Literal["bash", "zsh", "fish"]


def completion(options: Options, shell: Annotated[Shell, Arg(help="the shell to complete in")]) -> int:
    """Print what makes a shell complete commands, options and the names of records."""
    print(f"# {WHERE[shell]}\n{SCRIPTS[shell]}", end="")
    return 0


COMMAND = Action(name="completion", function=completion)
