"""The hub: joining, weights, room for rows, and what it tells. Without Ray."""

from __future__ import annotations

import asyncio

import pytest

from retroracer.agents.rows import Contract, Weights
from retroracer.scale.hub import ENDED, JOIN_AGAIN, Hub
from retroracer.scale.table import learner_line, table_of

MINE = Contract("x", 3, 1)


def weights(version: int) -> Weights:
    return Weights(version, [], False)


def header(actor: int = 0, life: str = "a", number: int = 0) -> dict[str, object]:
    return {"actor": actor, "life": life, "number": number, "version": 1, "count": 10}


async def sent(hub: Hub, told: dict[str, object], rows: object) -> int:
    """The hub's answer to a piece that the learner takes."""
    answer = asyncio.create_task(hub.push(told, [rows]))
    await hub.take(60.0, 1)
    return await answer


def run(coroutine: object) -> None:
    asyncio.run(coroutine)  # type: ignore[arg-type]


def test_an_actor_that_joins_is_given_the_newest_weights_at_once() -> None:
    async def story() -> None:
        hub = Hub("r")
        assert await hub.join(0, "a", MINE, "env", "here") == (None, None), "no learner yet"
        await hub.begin(MINE, weights(7))
        assert await hub.join(0, "a", MINE, "env", "here") == (None, weights(7))
        await hub.publish(weights(9), {})
        assert await sent(hub, header(), "rows") == 9
        assert await hub.newest() == weights(9)
        await hub.publish(weights(8), {})
        assert await hub.newest() == weights(9), "versions only grow"

    run(story())


def test_an_actor_that_does_not_fit_is_turned_away_in_words() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        why, given = await hub.join(4, "a", Contract("x", 5, 1), "env", "here")
        assert why == "observations: the learner has 3, the actor 5" and given is None
        assert await hub.push(header(actor=4), ["rows"]) == JOIN_AGAIN
        status = await hub.status()
        assert status["actors"] == []
        assert status["turned_away"] == [f"actor 4 (env on here): {why}"]
        await hub.join(4, "a", MINE, "env", "here")
        why, _ = await hub.join(4, "b", MINE, "env", "there")
        assert why == "number 4 is taken by an actor on here"

    run(story())


def test_what_only_the_first_actor_can_tell_binds_the_others() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(Contract("", 3, 1), weights(1))
        await hub.join(0, "a", Contract("mine", 3, 1, (0.1, 1, 1)), "env", "here")
        why, _ = await hub.join(1, "b", Contract("mine", 3, 1, (0.2, 1, 1)), "env", "here")
        assert why is not None and "the learner has 0.1, the actor 0.2" in why

    run(story())


def test_an_actor_started_again_must_join_again() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        await hub.join(0, "a", MINE, "env", "here")
        assert await sent(hub, header(), "rows") == 1
        assert await hub.push(header(life="b"), ["rows"]) == JOIN_AGAIN
        await hub.join(0, "b", MINE, "env", "here")
        assert (await hub.status())["actors"][0]["joined"] == 2

    run(story())


def test_actors_that_are_too_fast_wait_and_the_learner_gets_all_in_order() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        await hub.join(0, "a", MINE, "env", "here")
        await hub.join(1, "a", MINE, "env", "here")
        assert await hub.push(header(number=0), [0]) == 1, "another piece has room"
        late = asyncio.create_task(hub.push(header(number=1), [1]))
        other = asyncio.create_task(hub.push(header(1, number=0), [2]))
        await asyncio.sleep(0.05)
        assert not late.done() and not other.done()
        assert [rows for _, rows in await hub.take(0.1, 999)] == [[0], [1], [2]]
        assert await late == await other == 1
        assert await hub.take(0.01, 999) == []
        end = asyncio.create_task(hub.end(60.0))
        await asyncio.sleep(0.05)
        assert not end.done()
        assert await hub.push(header(number=9), [9]) == ENDED
        assert not end.done(), "it waits until all of its actors know"
        assert await hub.push(header(1, number=9), [9]) == ENDED
        await end
        await hub.join(1, "b", MINE, "env", "here")
        await hub.end(0.01)  # but not for ever

    run(story())


def test_an_actor_that_has_waited_for_the_learner_drives_by_the_newest_weights() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        await hub.join(0, "a", MINE, "env", "here")
        answer = asyncio.create_task(hub.push(header(), ["rows"]))
        await asyncio.sleep(0.05)
        await hub.publish(weights(5), {})  # the learner has learned while the actor waited
        assert not answer.done()
        assert [rows for _, rows in await hub.take(0.1, 999)] == [["rows"]]
        assert await answer == 5
        assert (await hub.status())["waiting"] == 0, "and drives nothing ahead of it"

    run(story())


@pytest.mark.slow
def test_the_rate_of_an_actor_that_waits_for_the_learner_counts_the_wait() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        await hub.join(0, "a", MINE, "env", "here")
        late = asyncio.create_task(hub.push(header(number=0), [0]))
        await asyncio.sleep(1.2)
        before = hub.actors[0].rate
        await hub.take(0.1, 999)
        await late
        await sent(hub, header(number=1), 1)
        told = (hub.actors[0].rate - 0.8 * before) / 0.2
        assert before > 0.0 and told < 10 / 1.2, "10 rows a piece, and 1.2 s between two of them"

    run(story())


def test_every_refusal_is_told_to_the_learner_however_many_there_were() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        for k in range(130):
            await hub.join(k, "a", Contract("other", 9, 1), "env", "here")
            told = (await hub.look())[1]
            assert len(told) == 1 and told[0].startswith(f"actor {k} (env on here): ")
        assert len((await hub.status())["turned_away"]) == 100

    run(story())


def test_the_learner_gets_no_more_rows_than_it_wants_but_for_a_part_of_a_piece() -> None:
    async def story() -> None:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        pushes = []
        for actor in range(2):
            await hub.join(actor, "a", MINE, "env", "here")
            pushes += [hub.push(header(actor, number=k), [actor, k]) for k in range(2)]
        waiting = [asyncio.create_task(push) for push in pushes]
        await asyncio.sleep(0.05)
        assert await hub.take(0.1, 0) == []
        assert [rows for _, rows in await hub.take(0.1, 15)] == [[0, 0], [0, 1]]
        assert [rows for _, rows in await hub.take(0.1, 10)] == [[1, 0]]
        assert (await hub.status())["waiting"] == 1
        assert await asyncio.gather(*waiting) == [1, 1, 1, 1]

    run(story())


def test_the_table_tells_every_actor_and_the_learner() -> None:
    async def story() -> dict[str, object]:
        hub = Hub("r")
        await hub.begin(MINE, weights(1))
        await hub.join(3, "a", MINE, "8 cars", "here")
        await sent(hub, header(actor=3), "rows")
        await hub.publish(weights(5), {"debt": 12.0, "refused_rows": 30.0})
        return await hub.status()

    status = asyncio.run(story())
    assert status["actors"][0]["lag"] == 4  # type: ignore[index]
    assert "lag at most 4" in learner_line(status)
    assert "debt 12 updates" in learner_line(status) and "30 rows refused" in learner_line(status)
    assert table_of({}) is None
    assert table_of(status) is not None
