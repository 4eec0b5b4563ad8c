"""mailpool.aio: the same pools for asyncio, against a manager that is played."""

import asyncio
import base64
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mailpool
from mailpool import aio
from manager import Manager

Start = Callable[..., Manager]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Manager] = []

    def starter(name: str = "bounces", **more: Any) -> Manager:
        started.append(Manager(tmp_path / f"{name}.sock", **more))
        return started[-1]
    yield starter
    for manager in started:
        manager.close()


@pytest.fixture
def pool(tmp_path: Path) -> aio.IMAPPool:
    return aio.IMAPPool("bounces", directory=tmp_path, timeout=10)


def test_a_block_borrows_and_gives_back(start: Start, pool: aio.IMAPPool) -> None:
    manager = start()

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            assert conn.is_logged_in and pool.lent == 1
            assert await conn.noop() == ("OK", [b"done"])
    asyncio.run(job())
    assert manager.said("LOGIN")[0].endswith(b'LOGIN "anna" "secret"')
    assert manager.wait_until_ended(1) == ["logout"] and pool.lent == 0


def test_login_in_the_block_borrows_and_logout_gives_back(start: Start, pool: aio.IMAPPool) -> None:
    manager = start()

    async def job() -> None:
        async with pool.connection() as conn:
            assert not conn.is_logged_in
            await conn.login("anna", "p\u00e4ss")
            await conn.logout()
            with pytest.raises(mailpool.PoolError, match="given back already"):
                await conn.noop()
    asyncio.run(job())
    assert base64.b64decode(manager.said("AUTHENTICATE")[0].split()[-1]).decode() == "\0anna\0p\u00e4ss"
    assert manager.wait_until_ended(1) == ["logout"]


def test_a_second_login_is_a_mistake_and_no_refusal(start: Start, pool: aio.IMAPPool) -> None:
    manager = start()

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            for again in (conn.login("anna", "secret"), conn.login_token("anna", "t0ken")):
                with pytest.raises(mailpool.PoolError, match="logged in already") as caught:
                    await again
                assert caught.value.reason == "misuse"
            assert (await conn.noop())[0] == "OK"
    asyncio.run(job())
    assert len(manager.said("LOGIN")) == 1


def test_a_token_logs_in(start: Start, pool: aio.IMAPPool) -> None:
    manager = start()

    async def job() -> None:
        async with pool.connection("anna", token="t0ken"):
            pass
    asyncio.run(job())
    assert base64.b64decode(manager.said("AUTHENTICATE")[0].split()[-1]) == b"user=anna\1auth=Bearer t0ken\1\1"


def test_a_hundred_tasks_at_once(start: Start, pool: aio.IMAPPool) -> None:
    manager = start()

    async def one(number: int) -> str:
        async with pool.connection(f"user{number}", "secret") as conn:
            return (await conn.noop())[0]

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(one, range(100)))
    assert asyncio.run(all_of_them()) == ["OK"] * 100
    assert manager.wait_until_ended(100) == ["logout"] * 100


def test_responses_have_imaplibs_shapes(start: Start, pool: aio.IMAPPool) -> None:
    start(untagged={"SELECT": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* FLAGS (\\Seen)\r\n", "SEARCH": b"* SEARCH 1 2 3\r\n",
                    "FETCH": b"* 1 FETCH (UID 5 BODY[] {7}\r\nabc\r\nde FLAGS (\\Seen))\r\n* 2 FETCH (UID 6)\r\n* 4 EXISTS\r\n",
                    "LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" {3}\r\na"b\r\n'})

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            assert await conn.select("INBOX") == ("OK", [b"3"])
            assert conn.untagged["UIDVALIDITY"] == [b"7"] and conn.state == "SELECTED"
            assert await conn.search(None, "ALL") == ("OK", [b"1 2 3"])
            assert await conn.fetch("1:2", "(BODY[])") == ("OK", [(b"1 (UID 5 BODY[] {7}", b"abc\r\nde"), b" FLAGS (\\Seen))",
                                                                  b"2 (UID 6)"])
            assert conn.untagged["EXISTS"] == [b"4"]
            assert await conn.list() == ("OK", [b'() "/" INBOX', (b'() "/" {3}', b'a"b'), b""])
            assert await conn.expunge() == ("OK", [None])
    asyncio.run(job())


def test_what_the_server_refuses_is_told_and_what_it_does_not_understand_raised(start: Start, pool: aio.IMAPPool) -> None:
    start(answers={"COPY": b"NO [TRYCREATE] none", "CHECK": b"BAD what"})

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            assert await conn.copy("1", "with blank") == ("NO", [b"[TRYCREATE] none"])
            with pytest.raises(mailpool.CommandError, match="what"):
                await conn.command("CHECK")
            with pytest.raises(ValueError, match="line ends"):
                await conn.command("NOOP\r\nX1 LOGOUT")
    asyncio.run(job())


def test_a_cancelled_task_drops_its_connection(start: Start, pool: aio.IMAPPool) -> None:
    manager = start(silent={"NOOP"})

    async def job() -> None:
        async def wait() -> None:
            async with pool.connection("anna", "secret") as conn:
                await conn.noop()
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    asyncio.run(job())
    assert manager.wait_until_ended(1) == ["dropped"] and pool.lent == 0


def test_an_answer_that_does_not_come_in_time_loses_the_connection(start: Start, pool: aio.IMAPPool) -> None:
    start(silent={"NOOP"})

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            conn.timeout = 0.1
            await conn.noop()
    with pytest.raises(mailpool.ConnectionLost) as caught:
        asyncio.run(job())
    assert caught.value.reason == "timeout" and not caught.value.may_be_retried


@pytest.mark.parametrize("untagged", [b"+ go on\r\n", b"* 1 FETCH (BODY[] {1000000}\r\nabc"], ids=["while it sends", "while it reads"])
def test_a_connection_that_breaks_in_the_middle_of_a_message_is_lost(start: Start, pool: aio.IMAPPool, untagged: bytes) -> None:
    start(untagged={"APPEND": untagged}, answers={"APPEND": None})

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            await conn.append("INBOX", None, None, b"x" * 5_000_000)
    with pytest.raises(mailpool.ConnectionLost) as caught:
        asyncio.run(job())
    assert caught.value.reason == "lost" and pool.lent == 0


def test_one_that_is_taken_away_says_why(start: Start, pool: aio.IMAPPool) -> None:
    start(farewells={"NOOP": b"* BYE The connection to the IMAP server is lost (max_loan_time)\r\n"})

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn:
            await conn.noop()
    with pytest.raises(mailpool.ConnectionLost) as caught:
        asyncio.run(job())
    assert caught.value.reason == "taken-away"


def test_idle_tells_what_comes_and_why_it_ends(start: Start, pool: aio.IMAPPool) -> None:
    start(untagged={"IDLE": b"+ idling\r\n* 4 EXISTS\r\n"}, farewells={
        "IDLE": b"* BYE The connection to the IMAP server is lost (max_loan_time)\r\n"})
    told: list[tuple[str, object]] = []

    async def job() -> None:
        async with pool.connection("anna", "secret") as conn, conn.idle() as news:
            async for name, data in news:
                told.append((name, data))
    with pytest.raises(mailpool.ConnectionLost) as caught:
        asyncio.run(job())
    assert told[0] == ("EXISTS", [b"4"]) and told[1][0] == "BYE"
    assert caught.value.reason == "taken-away"


@pytest.mark.parametrize("more, kind, reason", [
    ({"answers": {"LOGIN": b"NO [AUTHENTICATIONFAILED] no"}}, mailpool.LoginRefused, "refused"),
    ({"answers": {"LOGIN": b"NO [UNAVAILABLE] (pool_size)"}}, mailpool.PoolBusy, "full"),
    ({"answers": {"LOGIN": None}}, mailpool.PoolUnavailable, "unavailable"),
    ({"greeting": b"* BYE allow_users of [imap.bounces] does not list uid 1\r\n"}, mailpool.PoolUnavailable, "not-allowed")])
def test_refusals_are_those_of_the_other_module(start: Start, pool: aio.IMAPPool, more: dict[str, Any], kind: type[mailpool.PoolError], reason: str) -> None:
    start(**more)

    async def job() -> None:
        async with pool.connection("anna", "secret"):
            pass
    with pytest.raises(kind) as caught:
        asyncio.run(job())
    assert caught.value.reason == reason


def test_a_manager_that_is_away_or_silent_is_named(start: Start, tmp_path: Path) -> None:
    async def job(pool: aio.IMAPPool) -> None:
        async with pool.connection("anna", "secret"):
            pass
    with pytest.raises(mailpool.PoolUnavailable, match="is mailpoold running"):
        asyncio.run(job(aio.IMAPPool("bounces", directory=tmp_path)))
    start(greeting=b"")
    with pytest.raises(mailpool.PoolTimeout, match="did not greet"):
        asyncio.run(job(aio.IMAPPool("bounces", directory=tmp_path, timeout=0.1)))


def test_a_host_is_named_before_the_login(start: Start, tmp_path: Path) -> None:
    manager = start("dynamic")

    async def job() -> None:
        async with aio.IMAPPool(host="imap.example.com", pool_size=3, directory=tmp_path).connection("anna", "secret"):
            pass
    asyncio.run(job())
    assert manager.said("XMAILPOOL")[0].endswith(b'XMAILPOOL "imap.example.com" 993 implicit 3')


def test_a_pool_pickles_as_its_settings(start: Start, pool: aio.IMAPPool) -> None:
    start()

    async def job() -> str:
        async with pool.connection("anna", "secret"):
            other: aio.IMAPPool = pickle.loads(pickle.dumps(pool))
            assert (pool.lent, other.lent) == (1, 0)
            async with other.connection("anna", "secret") as conn:
                return (await conn.noop())[0]
    assert asyncio.run(job()) == "OK"


def test_retry_waits_for_what_may_pass() -> None:
    calls: list[int] = []

    async def job() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise mailpool.PoolBusy("later")
        return "done"
    assert asyncio.run(aio.retry(job, first_wait=0.01)) == "done" and len(calls) == 3


def test_status_is_the_managers(start: Start, pool: aio.IMAPPool) -> None:
    start(untagged={"ID": b'* ID ("profile" "bounces" "state" "open" "clients" "2" "pool_size" "8")\r\n'})
    status = asyncio.run(pool.status())
    assert (status.profile, status.clients, status.pool_size, status.lent) == ("bounces", 2, 8, 0)
