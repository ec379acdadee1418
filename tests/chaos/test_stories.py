"""What a flag of ours must be after all that may happen to it, said once more in other words."""

import itertools

from chaos.stories import ORDERS, is_set_in_the_end


def test_all_orders_are_tried_in_which_a_person_clears_what_we_have_set() -> None:
    assert len(set(ORDERS)) == 12
    assert set(itertools.chain(*ORDERS)) == {"set", "cleared", "again", "read"}


def test_who_clears_a_flag_means_the_reports_that_they_can_have_seen_and_no_other() -> None:
    stands = {" ".join(order) for order in ORDERS if is_set_in_the_end(order)}

    assert stands == {
        # a report after the clearing
        "set cleared again read", "set cleared read again", "set read cleared again",
        "read set cleared again",
        # one before it that had not reached the CRM
        "set again cleared read", "set read again cleared", "read set again cleared",
    }  # fmt: skip
