"""An example for each command's help; a test parses them all."""

EXAMPLES: dict[str, list[str]] = {
    "init": ["cupola init ~/churn --name churn"],
    "demo": ["cupola demo --dir ~/cupola-demo --headless"],
    "completion": ['eval "$(cupola completion bash)"'],
}
