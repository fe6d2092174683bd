"""One or more flows for each transform: what tests of all of them go through."""

from tests.flows.conftest import QUOTED, step

from cupola.flows.records import FlowStep

CODE = '''
df["age_text"] = df["age"].map(lambda one: f"""{one}
years""")
df = df[df["id"] % 2 == 0]
'''
PLAIN = "total = df['fare'].fillna(0) + 1\ndf = df.assign(total=total)"
FILLED = step("fill-missing", columns=["age", "fare", "empty"], method="median")

CASES: dict[str, list[FlowStep]] = {
    "fill-missing": [step("fill-missing", columns=["age", "fare"], method="mean")],
    "fill-missing median": [step("fill-missing", columns=["age", "fare"], method="median")],
    "fill-missing mode": [step("fill-missing", columns=["age", "port", "born"], method="mode")],
    "fill-missing constant": [step("fill-missing", columns=["port", QUOTED], method="constant", value="it's")],
    "blank-values": [step("blank-values", columns=["port", QUOTED], values=["Rio", "x"])],
    "blank-values numbers": [step("blank-values", columns=["age", "fare"], values=["30", "31"])],
    "fill-forward": [step("fill-forward", columns=["age", "port"], order="seen", by=["group"])],
    "fill-forward backward": [step("fill-forward", columns=["fare"], method="backward")],
    "impute": [step("impute", columns=["age", "fare"], by=["port"], method="mean")],
    "impute mode": [step("impute", columns=["port"], by=["group", "late"], method="mode")],
    "missing-indicator": [step("missing-indicator", columns=["age", QUOTED])],
    "drop-missing": [step("drop-missing", columns=["age", "fare"])],
    "drop-missing all": [step("drop-missing", columns=["age", "fare"], how="all")],
    "drop-sparse-columns": [step("drop-sparse-columns", share=0.5)],
    "clip-outliers": [step("clip-outliers", columns=["fare", "age"], deviations=1.0)],
    "clip-outliers robust": [
        step("clip-outliers", columns=["fare"], method="robust-standard-deviation", deviations=1, fix="missing")
    ],
    "clip-outliers tails": [step("clip-outliers", columns=["fare"], method="tails", deviations=0.5)],
    "remove-outliers": [step("remove-outliers", columns=["fare"], method="quantile", lower=0.1, upper=0.9)],
    "remove-outliers min-max": [step("remove-outliers", columns=["age"], method="min-max", lower=20, upper=70)],
    "replace-rare": [step("replace-rare", columns=["port", "name"], share=0.15)],
    "ordinal-encode": [step("ordinal-encode", columns=["port", "age", "late"])],
    "ordinal-encode own": [step("ordinal-encode", columns=["name"], unknown="own")],
    "one-hot-encode": [step("one-hot-encode", columns=["port", QUOTED], drop_last=True)],
    "one-hot-encode vector": [
        step("one-hot-encode", columns=["port"], output="vector"), step("expand-vector", column="port_vector"),
    ],
    "similarity-encode": [step("similarity-encode", columns=["name"], limit=4)],
    "target-encode": [step("target-encode", columns=["port", "name"])],
    "target-encode classes": [step("target-encode", columns=["port"], target="group")],
    "target-encode number": [step("target-encode", columns=["port"], target="fare", smoothing=5.0)],
    "scale": [step("scale", columns=["age", "fare"])],
    "scale robust": [step("scale", columns=["age", "fare"], method="robust")],
    "scale min-max": [step("scale", columns=["age", "fare"], method="min-max")],
    "scale max-abs": [step("scale", columns=["age", "fare"], method="max-abs")],
    "bin": [step("bin", columns=["age", "fare"], bins=4)],
    "bin uniform": [step("bin", columns=["fare"], bins=4, method="uniform")],
    "pca": [FILLED, step("pca", columns=["age", "fare", "empty"])],
    "pca share": [step("pca", columns=["age", "fare"], share=0.4, scale=False, name="part", keep=True)],
    "model-impute": [step("model-impute", columns=["age", "fare", "empty"], of=["id"], rounds=3)],
    "text-statistics": [step("text-statistics", columns=["name"])],
    "vectorize-text": [step("vectorize-text", column="name", limit=6)],
    "date-parts": [step("date-parts", columns=["seen", "born"], parts=["year", "week", "weekday", "hour", "weekend"])],
    "date-parts cyclic": [step("date-parts", columns=["seen"], parts=["month", "hour"], encoding="cyclic", drop=True)],
    "format-string": [step("format-string", columns=["name"], operation="title")],
    "format-string center": [step("format-string", columns=["name"], operation="center", width=15, text="*")],
    "find-replace": [step("find-replace", columns=["name"], find=r"(\w)\w*$", replace=r"\1.", pattern=True)],
    "contains": [step("contains", column="name", find="O'", name="irish")],
    "validate-string": [step("validate-string", column="code", pattern=r"[A-Z]\d+-\d", shortest=5, name="right")],
    "extract-pattern": [step("extract-pattern", column="code", pattern=r"([A-Z])(\d+)", names=["letter", "number"])],
    "split-text": [step("split-text", column="tags", delimiter="|", parts=2, drop=True)],
    "drop-columns": [step("drop-columns", columns=["name", QUOTED])],
    "keep-columns": [step("keep-columns", columns=["late", "age"])],
    "move-column": [step("move-column", column="late", place=1)],
    "rename-column": [step("rename-column", column=QUOTED, name="plain")],
    "duplicate-column": [step("duplicate-column", column="age", name="age again")],
    "concatenate-columns": [step("concatenate-columns", columns=["port", "code"], name="where", separator="/")],
    "assemble-vector": [
        step("assemble-vector", columns=["age", "fare"], name="v"), step("expand-vector", column="v"),
    ],
    "expand-vector": [step("assemble-vector", columns=["id", "late"], name="v"), step("expand-vector", column="v")],
    "parse-type": [step("parse-type", columns=[QUOTED], type="number")],
    "parse-type text": [step("parse-type", columns=["age", "seen"], type="text")],
    "filter": [step("filter", where="age > 30 and port = 'Rio' or name like 'O''%'")],
    "sort": [step("sort", columns=["port", "age"], descending=True)],
    "drop-duplicates": [step("drop-duplicates", columns=["port", "group"])],
    "sample": [step("sample", rows=50)],
    "sample stratified": [step("sample", method="stratified", share=0.25, by="group")],
    "sample first": [step("sample", method="first", rows=7)],
    "split": [step("split", method="stratified", shares="70/30", by="late")],
    "split key": [step("split", method="key", by="group", name="part")],
    "split ordered": [step("split", method="ordered", by="seen")],
    "balance": [step("balance")],
    "balance undersample": [step("balance", method="undersample", target="group")],
    "smote": [step("drop-missing", columns=["late"]), step("split"), FILLED, step("smote")],
    "group-by": [step("group-by", by=["port", "late"], aggregates=["mean(age)", "count()", "std(fare)", "last(name)"])],
    "join": [step("join", "people", "ports", on=["port"])],
    "join outer": [step("join", "people", "ports", on=["port"], how="outer")],
    "concatenate": [
        step("sample", method="first", rows=3, id="first"),
        step("concatenate", "first", "ports", source="from"),
    ],
    "explode": [step("explode", column="things")],
    "explode delimiter": [step("explode", column="tags", delimiter="|")],
    "unnest": [step("unnest", column="extra")],
    "lag": [step("lag", columns=["age", "port"], lags=[1, -2], order="seen", by=["group"])],
    "rolling": [
        step("rolling", columns=["fare"], window=3, functions=["mean", "max", "count"], order="seen", by=["group"])
    ],
    "rolling before": [step("rolling", columns=["age"], window=2, functions=["sum"], current=False)],
    "resample": [
        step("resample", time="seen", every="1 day", by=["group"], aggregates=["mean(fare)", "count()", "max(age)"])
    ],
    "interpolate": [step("interpolate", columns=["fare", "empty"], order="seen")],
    "formula": [step("formula", name="ratio", expression="fare / age * 2")],
    "formula replace": [step("formula", name="name", expression="upper(name) || len(list_filter([1], lambda x: x > 0))")],  # noqa: E501
    "sql": [step("sql", query="select port, count(*) as n, avg(fare) from df group by all order by n desc, port")],
    "python": [step("python", code=PLAIN)],
    "python text": [step("python", code=CODE)],
}  # fmt: skip
