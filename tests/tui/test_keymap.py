import re

import pytest

from cupola_tui import keymap

# What a plain terminal or tmux cannot tell apart or cannot send at all.
UNSENDABLE = re.compile(
    r"(ctrl|alt|shift)\+.*enter|ctrl\+shift\+.|ctrl\+[imh]$|ctrl\+(left_square_bracket|\[)|shift\+(space|backspace)|super\+|ctrl\+\d|ctrl\+tab"
)


@pytest.mark.parametrize("key", keymap.TABLE, ids=lambda key: f"{key.scope}-{key.id}-{key.keys}")
def test_a_plain_terminal_can_send_every_key(key: keymap.Key) -> None:
    for one in key.keys.split(","):
        assert not UNSENDABLE.search(one), one


def test_a_pane_and_scope_give_each_key_one_meaning() -> None:
    for scope in {key.scope for key in keymap.TABLE}:
        for pane in keymap.PANES:
            taken = [
                one
                for key in keymap.TABLE
                if key.scope == scope and keymap.applies(key, pane)
                for one in key.keys.split(",")
            ]
            assert len(taken) == len(set(taken)), (scope, pane, sorted(taken))


def test_ids_are_unique_so_that_each_key_can_be_remapped() -> None:
    ids = [key.id for key in keymap.TABLE]
    assert len(ids) == len(set(ids))


def test_the_footer_leads_with_the_scope_in_hand_and_offers_only_what_applies() -> None:
    log = [key.id for key in keymap.footer("log", keymap.JOBS)]
    assert log[:3] == ["follow", "wrap", "times"]
    assert "import" not in log
    assert "import" in [key.id for key in keymap.footer("table", keymap.DATASETS)]


def test_the_footer_offers_no_key_that_the_scope_in_hand_takes_for_itself() -> None:
    log = [key.id for key in keymap.footer("log", keymap.EXPERIMENTS)]
    assert "train" not in log and "tune" not in log and "filter" not in log
    assert "compare" in log


def test_remapping_takes_known_keys_and_says_what_is_wrong() -> None:
    chosen, wrong = keymap.remapped({"keys": {"train": "n", "fly": "f", "stop": 3}})
    assert chosen == {"train": "n"}
    assert len(wrong) == 2 and "fly" in wrong[0] and "stop" in wrong[1]
