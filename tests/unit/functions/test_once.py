from agentd.functions.gate.once import Once


async def test_an_id_is_known_from_its_first_use_on() -> None:
    once: Once[str] = Once()
    assert once.earlier("run", "1") is None
    once.open("run", "1").set_result("done")
    earlier = once.earlier("run", "1")
    assert earlier is not None
    assert earlier.result() == "done"
    assert once.earlier("other run", "1") is None


async def test_settled_ids_are_forgotten_oldest_first_and_open_ones_are_not() -> None:
    once: Once[str] = Once(kept=2)
    once.open("run", "open")
    for number in range(5):
        once.open("run", str(number)).set_result("")
    assert once.earlier("run", "open") is not None

    once = Once(kept=2)
    for number in range(5):
        once.open("run", str(number)).set_result("")
    assert [once.earlier("run", str(number)) is not None for number in range(5)] == [False, False, False, True, True]


async def test_outside_a_run_nothing_is_kept() -> None:
    once: Once[str] = Once()
    once.open(None, "1").set_result("done")
    assert once.earlier(None, "1") is None


async def test_the_end_of_a_run_forgets_what_was_settled_in_it() -> None:
    once: Once[str] = Once()
    once.open("run", "1").set_result("done")
    once.open("run", "open")
    once.open("other", "1").set_result("done")
    once.end("run")
    assert [once.earlier(*key) is not None for key in (("run", "1"), ("run", "open"), ("other", "1"))] == [False, True, True]
