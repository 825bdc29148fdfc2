"""A batch that was delivered but not received over the channel is detected, by the next batch or by the next look at the outbox."""

from app.cache.deliveries import MAX_KNOWN, Deliveries

GRACE = 0.25


def joined(delivered: int | None = 7) -> Deliveries:
    deliveries = Deliveries(GRACE)
    deliveries.begin(10.0, delivered)
    return deliveries


def test_batches_that_follow_one_another_are_complete() -> None:
    deliveries = joined()
    assert deliveries.receive(8, 7)
    assert deliveries.receive(11, 8)  # 9 and 10 were rolled back
    deliveries.expect(11, 12.0, 12.0)
    assert deliveries.complete
    assert not deliveries.is_missing(99.0)
    assert deliveries.covers(11)


def test_a_batch_whose_predecessor_was_not_received_reveals_a_loss() -> None:
    deliveries = joined()
    assert not deliveries.receive(9, 8)


def test_a_batch_that_was_rolled_back_and_delivered_again_is_no_loss() -> None:
    deliveries = joined()
    assert deliveries.receive(8, 7)
    assert deliveries.receive(9, 7)
    assert deliveries.receive(9, 7)
    assert deliveries.receive(10, 9)


def test_a_look_at_the_outbox_finds_a_missing_batch_and_awaits_it() -> None:
    deliveries = joined()
    deliveries.expect(8, 12.0, 12.0)
    assert not deliveries.complete
    assert not deliveries.covers(7)
    assert not deliveries.is_missing(12.0 + GRACE)
    assert deliveries.is_missing(12.0 + GRACE + 0.01)


def test_a_batch_that_arrives_in_time_is_no_loss() -> None:
    deliveries = joined()
    deliveries.expect(8, 12.0, 12.0)
    assert deliveries.receive(8, 7)
    assert deliveries.complete
    assert not deliveries.is_missing(99.0)


def test_a_later_look_does_not_extend_the_time_limit_of_an_awaited_batch() -> None:
    deliveries = joined()
    deliveries.expect(8, 12.0, 12.0)
    deliveries.expect(9, 12.2, 12.2)
    assert deliveries.is_missing(12.3)


def test_a_look_that_began_before_the_subscription_is_ignored() -> None:
    deliveries = joined()
    deliveries.expect(6, 9.9, 12.0)
    assert deliveries.complete


def test_nothing_is_awaited_without_a_subscription() -> None:
    deliveries = joined()
    deliveries.expect(8, 12.0, 12.0)
    deliveries.end()
    deliveries.expect(8, 13.0, 13.0)
    assert deliveries.complete


def test_without_a_first_number_the_first_look_sets_it() -> None:
    deliveries = joined(None)
    deliveries.expect(8, 12.0, 12.0)
    assert deliveries.complete
    assert deliveries.receive(9, 8)
    assert not deliveries.receive(11, 10)


def test_numbers_that_go_back_with_a_restored_database_are_detected() -> None:
    deliveries = joined(100)
    assert deliveries.receive(101, 100)
    deliveries.expect(42, 12.0, 12.0)
    assert deliveries.is_missing(13.0)


def test_the_number_of_remembered_batches_is_bounded() -> None:
    deliveries = joined(0)
    for number in range(1, 3 * MAX_KNOWN):
        assert deliveries.receive(number, number - 1)
    assert len(deliveries._known) == MAX_KNOWN


def test_batches_buffered_in_the_connection_during_a_catch_up_are_no_loss() -> None:
    deliveries = joined(20)
    assert deliveries.receive(16, 15)
    assert deliveries.receive(20, 19)
    assert deliveries.receive(21, 20)
    assert not deliveries.receive(23, 22)


def test_the_batch_that_revealed_a_loss_counts_as_received_after_the_catch_up() -> None:
    """Its transaction may not be committed yet."""
    deliveries = joined(7)
    assert not deliveries.receive(9, 8)
    deliveries.begin(11.0, 8)
    deliveries.note(9)
    assert deliveries.receive(10, 9)


def test_without_a_missing_batch_all_known_batches_are_covered() -> None:
    deliveries = joined(7)
    assert deliveries.complete
    assert deliveries.covers(7)
    assert not deliveries.covers(8)
    assert not deliveries.is_missing(10.0**9)


def test_a_new_subscription_forgets_the_batches_of_the_one_before() -> None:
    deliveries = joined(7)
    deliveries.expect(8, 12.0, 12.0)
    deliveries.begin(13.0, 9)
    assert deliveries.complete
    assert not deliveries.covers(7)
    assert deliveries.covers(9)
    deliveries.expect(8, 12.9, 14.0)  # began before the subscription
    assert deliveries.complete
    deliveries.expect(10, 13.0, 14.0)
    assert not deliveries.complete


def test_after_the_end_of_a_subscription_no_batch_is_covered_or_awaited() -> None:
    deliveries = joined(7)
    deliveries.expect(8, 12.0, 12.0)
    deliveries.end()
    assert deliveries.complete
    assert not deliveries.covers(7)
    assert not deliveries.is_missing(99.0)


def test_a_message_of_no_batch_is_not_remembered() -> None:
    deliveries = joined(None)
    deliveries.note(0)
    assert len(deliveries._known) == 0
    deliveries.expect(8, 12.0, 12.0)
    assert deliveries.covers(8)


def test_an_awaited_batch_is_not_replaced_by_another() -> None:
    deliveries = joined()
    deliveries.expect(8, 12.0, 12.0)
    deliveries.note(9)
    assert not deliveries.complete
    deliveries.note(8)
    assert deliveries.complete


def test_a_batch_may_follow_any_known_one_as_a_transaction_may_be_repeated() -> None:
    deliveries = joined(7)
    assert deliveries.receive(8, 7)
    assert deliveries.receive(9, 8)
    assert deliveries.receive(10, 8)
    assert not deliveries.receive(12, 11)
