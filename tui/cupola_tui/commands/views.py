"""What people see of each kind of list: its columns, when there is not room for all fields."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "dataset ls": ("dataset", "version", "rows", "target", "bytes", "user", "imported"),
    "run ls": ("id", "name", "status", "estimator", "dataset", "metrics", "user", "submitted"),
    "job ls": ("id", "kind", "name", "status", "secondary_status", "user", "host", "submitted", "exit_code"),
    "model ls": ("name", "version", "status", "aliases", "run", "dataset", "registered"),
    "endpoint ls": ("name", "status", "mode", "variants", "workers", "url"),
}


def columns(action: str) -> tuple[str, ...]:
    return COLUMNS.get(action, ())
