"""The small process through which a screen reads and writes a workspace: `python -m cupola.bridge ROOT [--readonly]`.

It speaks JSON lines on its standard input and output and touches no terminal. A screen that hangs on a dead mount kills
it and starts another; nothing is lost, since it holds no state. It ends when its standard input ends.

The first line it writes says what ROOT is; `workspace` is null where ROOT is no workspace (only `init` works then, and
answers what the first line would have said), and `error` says why:

    {"ready": {"workspace": {...} | null, "error": ErrorInfo | null}}
    workspace: {"name", "path", "description", "readonly", "user", "host", "mount", "advice"}

A request is one line with an `id` of the caller's choice; each is answered once, in any order, since each runs in a thread:

    {"id": 1, "call": "action", "name": "run ls", "arguments": {"limit": 10}}
    {"id": 1, "result": ...}            what the call answers, below
    {"id": 1, "error": {"kind", "message", "where", "hint"}}     an ErrorInfo; kind "Bug" is a fault of ours (it is logged)
    {"id": 1, "progress": {...}}        before the answer, any number of times: the JobState an action waits for

Lines that answer nothing are told apart by having no `id`:

    {"changed": [{"kind", "ref", "revision"}, ...]}     what store.watch saw; kind "file" is an edit by hand, ref its path
    {"trouble": ErrorInfo | null}                       watching failed (it goes on trying) / works again

| call | arguments | result |
|---|---|---|
| action | name, arguments | what the action returns: a record, or a list of records |
| records | kind: datasets, runs, jobs, models, endpoints, agent | the list that `KIND ls --json` prints (agent: its status in a list) |
| record | kind (as above), ref | the record that `KIND show --json` prints |
| profile | ref | the dataset version's profile |
| metrics | run, after (0, or the `after` of the last answer) | {"entries": [{"seq", "time", "name", "value", "step"}], "after"} |
| artifact | run, name | the run's artifact of that name, decoded from JSON |
| log | kind: job or endpoint, ref, attempt (default: the newest), offset, limit (bytes) | {"text", "offset", "next", "size"} |
| describe | name, arguments (what is filled in so far; may be left out) | the action as a form shows it: `cupola.forms.Form` |
| check | name, arguments | {PARAMETER: one sentence} for each value that does not fit; {} when all do |
| command | name, arguments | the command line that does the same, as a string |
| actions | | a `Form` of each action there is, without its fields |
| complete | kind, prefix, arguments (a column belongs to their `dataset`) | names of existing things of that kind |
| host | | {"cpu": percent, "memory": {"used", "total"}, "gpus": [{"name", "busy", "memory_used", "memory_total"}]} |
| init | name | makes ROOT a workspace |

A negative `offset` of `log` counts from the end of the log. Undecodable bytes are replaced.
"""
