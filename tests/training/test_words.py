"""Free text for a linear model: all of its words beside the other columns."""

import numpy as np
import pandas as pd
import skops.io
from tests.training.conftest import hard

from cupola.training.words import Words

COLUMNS = [("note", "text"), ("place", "category"), ("g0", "number"), ("same", "integer")]


def test_a_row_is_prepared_alike_alone_and_among_others() -> None:
    frame = hard(300)
    words = Words(COLUMNS)
    whole = words.fit(frame).transform(frame)
    assert whole.shape[0] == 300
    for row in (0, 7, 299):
        alone = words.transform(frame.iloc[[row]])
        assert abs(alone - whole[row]).max() < 1e-12
    assert words.left_out_ == {"same": "is always the same"}
    assert {"note", "g0"} <= words.encoders_.keys()


def test_words_never_seen_and_missing_texts_have_a_place() -> None:
    frame = hard(300)
    words = Words(COLUMNS).fit(frame)
    new = frame.head(2).assign(note=["zymurgy quixotry", None])
    found = words.transform(new)
    assert np.isfinite(found.toarray()).all()
    assert found.shape[1] == words.transform(frame.head(1)).shape[1]


def test_a_table_of_texts_alone_and_one_without_any() -> None:
    frame = pd.DataFrame({"note": ["late box again", "fine box today", "late door again"] * 5, "n": range(15)})
    assert Words([("note", "text")]).fit_transform(frame).shape[0] == 15
    assert Words([("n", "integer")]).fit_transform(frame).shape == (15, 1)


def test_it_is_saved_and_read_back() -> None:
    frame = hard(200)
    words = Words(COLUMNS).fit(frame, np.zeros((200, 1)))
    data = skops.io.dumps(words)
    read = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    assert abs(read.transform(frame) - words.transform(frame)).max() == 0
