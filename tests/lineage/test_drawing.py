from cupola.lineage import drawing
from cupola.lineage.graph import Edge, Lineage, Node


def test_what_came_from_a_record_stands_by_kind_and_name_and_2_before_10() -> None:
    names = {"a": "deep-10", "b": "deep-2", "c": "deep-1", "d": "shallow"}
    nodes = [Node(id=f"run:{one}", kind="run", ref=one, name=name) for one, name in names.items()]
    nodes += [Node(id=f"model:{one}", kind="model", ref=f"churn@{one}", name="churn") for one in ("10", "9")]
    root = Node(id="tuning:t", kind="tuning", ref="t", name="deep")
    edges = sorted(Edge(source=root.id, target=one.id) for one in nodes)
    found = drawing.branches(Lineage(root=root.id, nodes=[root, *nodes], edges=edges), drawing.DOWN)
    told = [one.node.name if one.node.kind == "run" else one.node.ref for one in found if one.node]
    assert told == ["churn@9", "churn@10", "deep-1", "deep-2", "deep-10", "shallow"]
