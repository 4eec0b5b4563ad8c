"""The Python package: what it says to a manager, and what it makes of the answers."""

import base64
import gc
import imaplib
import importlib.util
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mailpool
from manager import Manager

Start = Callable[..., Manager]

SOURCES = Path(mailpool.__file__).parent
PROJECT = SOURCES.parent / "pyproject.toml"
EXAMPLES = sorted((SOURCES.parents[2] / "conf/examples").glob("*.py"))


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
def pool(tmp_path: Path) -> mailpool.IMAPPool:
    return mailpool.IMAPPool("bounces", directory=tmp_path, timeout=10)


# --- borrowing

def test_a_connection_is_an_imaplib_connection_that_is_logged_in(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection("anna", "secret") as conn:
        assert isinstance(conn, imaplib.IMAP4)
        assert conn.state == "AUTH"
        assert conn.noop()[0] == "OK"
        assert "IDLE" in conn.capabilities
    assert manager.said("LOGIN")[0].endswith(b'LOGIN "anna" "secret"')


def test_a_block_gives_its_connection_back_with_logout(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection("anna", "secret"):
        assert pool.lent == 1
    assert manager.wait_until_ended(1) == ["logout"]
    assert pool.lent == 0


def test_a_block_that_raises_drops_its_connection_whatever_it_was_doing(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pytest.raises(KeyError):
        with pool.connection("anna", "secret"):
            raise KeyError("oh")
    assert manager.wait_until_ended(1) == ["dropped"]
    assert pool.lent == 0


def test_get_and_release_do_the_same_without_a_block(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    conn = pool.get_connection("anna", "secret")
    assert conn.noop()[0] == "OK"
    pool.release_connection(conn)
    assert manager.wait_until_ended(1) == ["logout"]


def test_a_connection_is_given_back_once(start: Start, pool: mailpool.IMAPPool) -> None:
    start()
    conn = pool.get_connection("anna", "secret")
    pool.release_connection(conn)
    with pytest.raises(mailpool.PoolError, match="given back already"):
        pool.release_connection(conn)


def test_another_pools_connection_is_not_taken_back(start: Start, pool: mailpool.IMAPPool, tmp_path: Path) -> None:
    start()
    other = mailpool.IMAPPool("bounces", directory=tmp_path)
    conn = other.get_connection("anna", "secret")
    with pytest.raises(mailpool.PoolError, match="not lent by this pool"):
        pool.release_connection(conn)
    other.close()


def test_closing_a_pool_drops_what_is_lent(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool:
        pool.get_connection("anna", "secret")
        pool.get_connection("anna", "secret")
    assert manager.wait_until_ended(2) == ["dropped", "dropped"]


def test_a_connection_that_the_manager_closed_is_released_without_a_complaint(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start(answers={"NOOP": None})
    conn = pool.get_connection("anna", "secret")
    with pytest.raises(imaplib.IMAP4.abort):
        conn.noop()
    pool.release_connection(conn)
    assert pool.lent == 0 and manager.wait_until_ended(1) == ["dropped"]


def test_a_pool_is_shared_by_threads(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    together = threading.Barrier(8)

    def job(number: int) -> str:
        with pool.connection(f"user{number}", "secret") as conn:
            together.wait(10)
            return conn.noop()[0]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(job, range(8))) == ["OK"] * 8
    assert manager.most == 8 and pool.lent == 0
    assert manager.wait_until_ended(8) == ["logout"] * 8


# --- users and passwords

@pytest.mark.parametrize("password", ['with "quotes"', "back\\slash", "sp ace", "{5}", "", "%*()"])
def test_any_printable_password_arrives_as_one_string(start: Start, pool: mailpool.IMAPPool, password: str) -> None:
    manager = start()
    with pool.connection("anna", password):
        pass
    escaped = password.replace("\\", "\\\\").replace('"', '\\"').encode()
    assert manager.said("LOGIN")[0].endswith(b'"anna" "' + escaped + b'"')


@pytest.mark.parametrize("password", ["p\u00e4ss", "two\r\nlines", "tab\t"])
def test_what_cannot_be_quoted_goes_as_base64(start: Start, pool: mailpool.IMAPPool, password: str) -> None:
    manager = start()
    with pool.connection("anna", password):
        pass
    assert not manager.said("LOGIN")
    line = manager.lines[manager.lines.index(manager.said("AUTHENTICATE")[0] + b"\r\n") + 1]
    assert base64.b64decode(line).decode() == f"\0anna\0{password}"


def test_nul_is_no_password(start: Start, pool: mailpool.IMAPPool) -> None:
    start()
    with pytest.raises(ValueError, match="NUL"):
        pool.get_connection("anna", "a\0b")


def test_a_user_without_a_password_is_a_mistake(pool: mailpool.IMAPPool) -> None:
    with pytest.raises(ValueError, match="or neither"):
        pool.get_connection("anna")


def test_an_account_needs_no_password(start: Start, tmp_path: Path) -> None:
    manager = start("account", greeting=b"* PREAUTH [CAPABILITY IMAP4rev1] as bounces\r\n")
    with mailpool.IMAPPool(socket=tmp_path / "account.sock").connection() as conn:
        assert conn.state == "AUTH"
    assert not manager.said("LOGIN")


def test_without_a_user_the_block_logs_in_itself_which_borrows(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection() as conn:
        assert not conn.is_logged_in and not manager.said("LOGIN")
        assert conn.login("anna", "secret")[0] == "OK"
        assert conn.is_logged_in
        assert conn.logout()[0] == "BYE"
        assert pool.lent == 0
    assert manager.wait_until_ended(1) == ["logout"]


def test_a_second_logout_and_a_release_after_it_are_told(start: Start, pool: mailpool.IMAPPool) -> None:
    start()
    conn = pool.get_connection("anna", "secret")
    conn.logout()
    assert conn.logout()[0] == "BYE"
    with pytest.raises(mailpool.PoolError, match="given back already"):
        pool.release_connection(conn)


def test_a_token_logs_in_instead_of_a_password(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection("anna", token="t0ken"):
        pass
    line = manager.lines[manager.lines.index(manager.said("AUTHENTICATE")[0] + b"\r\n") + 1]
    assert manager.said("AUTHENTICATE")[0].endswith(b"XOAUTH2")
    assert base64.b64decode(line) == b"user=anna\1auth=Bearer t0ken\1\1"


def test_authenticate_is_imaplibs(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection() as conn:
        conn.authenticate("PLAIN", lambda _: b"\0anna\0secret")
        assert conn.is_logged_in
    assert manager.said("AUTHENTICATE")[0].endswith(b"PLAIN")


@pytest.mark.parametrize("login", [{"user": "anna", "password": "a", "token": "b"}, {"token": "b"}, {"user": "anna"}, {"password": "a"}])
def test_half_a_login_is_a_mistake(pool: mailpool.IMAPPool, login: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        pool.get_connection(**login)


def test_an_unknown_argument_is_an_error(pool: mailpool.IMAPPool) -> None:
    unknown: dict[str, Any] = {"tokn": "x"}
    with pytest.raises(TypeError):
        pool.get_connection("anna", "secret", **unknown)
    with pytest.raises(TypeError):
        mailpool.IMAPPool("bounces", **unknown)


def test_an_account_with_a_user_says_what_is_too_much(start: Start, tmp_path: Path) -> None:
    start("account", greeting=b"* PREAUTH [CAPABILITY IMAP4rev1] as bounces\r\n")
    with pytest.raises(mailpool.PoolError, match="name no user"):
        mailpool.IMAPPool("account", directory=tmp_path).get_connection("anna", "secret")


# --- refusals

@pytest.mark.parametrize("answer, kind", [
    (b"NO [AUTHENTICATIONFAILED] the server's words", mailpool.LoginRefused),
    (b"NO the server's words", mailpool.LoginRefused),
    (b"NO [UNAVAILABLE] the server's words", mailpool.PoolBusy),
    (b"NO [LIMIT] the server's words", mailpool.PoolBusy)])
def test_a_refused_login_is_raised_as_what_it_means_in_the_servers_words(start: Start, pool: mailpool.IMAPPool, answer: bytes, kind: type[mailpool.PoolError]) -> None:
    start(answers={"LOGIN": answer})
    with pytest.raises(kind, match="the server's words"):
        pool.get_connection("anna", "wrong")
    assert pool.lent == 0


def test_every_error_is_one_of_imaplibs_too(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"LOGIN": b"NO no"})
    with pytest.raises(imaplib.IMAP4.error):
        pool.get_connection("anna", "wrong")


def test_a_refused_login_leaves_no_socket_open(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start(answers={"LOGIN": b"NO no"})
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(mailpool.LoginRefused):
            pool.get_connection("anna", "wrong")
    manager.wait_until_ended(5)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_manager_that_is_away_is_named(pool: mailpool.IMAPPool) -> None:
    with pytest.raises(mailpool.PoolUnavailable, match="is mailpoold running"):
        pool.get_connection("anna", "secret")


def test_a_manager_that_turns_the_program_away_is_quoted(start: Start, pool: mailpool.IMAPPool) -> None:
    start(greeting=b"* BYE allow_users of [imap.bounces] does not list uid 1000\r\n")
    with pytest.raises(mailpool.PoolUnavailable, match="allow_users of"):
        pool.get_connection("anna", "secret")


def test_a_manager_that_goes_away_during_login_is_no_refusal(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"LOGIN": None})
    with pytest.raises(mailpool.PoolUnavailable):
        pool.get_connection("anna", "secret")


def test_a_manager_that_says_nothing_is_waited_for_no_longer_than_asked(start: Start, tmp_path: Path) -> None:
    start(greeting=b"")
    with pytest.raises(mailpool.PoolTimeout, match="timed out"):
        mailpool.IMAPPool("bounces", directory=tmp_path, timeout=0.1).get_connection("anna", "secret")


def test_a_call_may_wait_for_another_time_than_the_pool(start: Start, pool: mailpool.IMAPPool) -> None:
    start(greeting=b"")
    with pytest.raises(mailpool.PoolTimeout) as caught:
        pool.get_connection("anna", "secret", timeout=0.1)
    assert isinstance(caught.value, TimeoutError) and caught.value.reason == "timeout" and caught.value.may_be_retried


def test_an_answer_that_does_not_come_in_time_loses_the_connection_and_is_not_tried_again(start: Start, pool: mailpool.IMAPPool) -> None:
    start(silent={"NOOP"})
    with pytest.raises(mailpool.ConnectionLost) as caught:
        with pool.connection("anna", "secret") as conn:
            conn.timeout = 0.1
            conn.noop()
    assert caught.value.reason == "timeout" and not caught.value.may_be_retried
    assert pool.lent == 0


@pytest.mark.parametrize("answer, reason, again", [
    (b"NO [UNAVAILABLE] No connection within 10s (checkout_timeout): all 100 connections are open (max_connections)", "full", True),
    (b"NO [UNAVAILABLE] No connection within 10s (checkout_timeout): the profile is paused", "full", True),
    (b"NO [AUTHENTICATIONFAILED] your certificate, max_loan_time and allow_users say nothing (pool_size)", "refused", False),
    (b"NO [UNAVAILABLE] No connection within 10s (checkout_timeout): all 8 connections of this user are in use (pool_size)", "full", True),
    (b"NO [UNAVAILABLE] 1000 logins wait already (max_waiting)", "full", True),
    (b"NO [UNAVAILABLE] mailpool takes no more logins: it is draining", "draining", True),
    (b"NO [UNAVAILABLE] Connection refused while connecting", "server", True),
    (b"NO [LIMIT] That is enough", "server", True),
    (b"NO [UNAVAILABLE] TLS: the server's certificate is not trusted: expired (tls_verify, tls_ca_file)", "certificate", False),
    (b"NO [AUTHENTICATIONFAILED] Authentication failed.", "refused", False),
    (b"NO [CANNOT] The server offers no login with a secret of this kind", "not-offered", False)])
def test_every_refusal_has_a_reason_for_programs(start: Start, pool: mailpool.IMAPPool, answer: bytes, reason: str, again: bool) -> None:
    start(answers={"LOGIN": answer})
    with pytest.raises(mailpool.PoolError) as caught:
        pool.get_connection("anna", "secret")
    assert (caught.value.reason, caught.value.may_be_retried) == (reason, again)
    assert pickle.loads(pickle.dumps(caught.value)).reason == reason


def test_a_users_name_is_no_reason(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"LOGIN": b"NO [AUTHENTICATIONFAILED] no"})
    with pytest.raises(mailpool.LoginRefused) as caught:
        pool.get_connection("certificate(pool_size)draining", "secret")
    assert caught.value.reason == "refused"


@pytest.mark.parametrize("farewell, kind, reason", [
    (b"[UNAVAILABLE] No connection within 10s (checkout_timeout): all 8 connections of this user are in use (pool_size)", mailpool.PoolBusy,
     "full"),
    (b"[AUTHENTICATIONFAILED] the account's password is wrong", mailpool.LoginRefused, "refused"),
    (b"[UNAVAILABLE] mailpool takes no more logins: it is draining", mailpool.PoolBusy, "draining"),
    (b"uid 1000 (pid 7) is not among [imap.bounces] allow_users", mailpool.PoolUnavailable, "not-allowed")])
def test_an_account_that_is_not_logged_in_says_why(start: Start, pool: mailpool.IMAPPool, farewell: bytes,
                                                   kind: type[mailpool.PoolError], reason: str) -> None:
    start(greeting=b"* BYE " + farewell + b"\r\n")
    with pytest.raises(kind, match=farewell.decode().split("[")[-1].split("]")[-1].split("(")[0].strip()) as caught:
        pool.get_connection()
    assert caught.value.reason == reason


def test_a_connection_that_is_taken_away_says_why(start: Start, pool: mailpool.IMAPPool) -> None:
    start(farewells={"NOOP": b"* BYE The connection to the IMAP server is lost (max_loan_time)\r\n"})
    conn = pool.get_connection("anna", "secret")
    with pytest.raises(mailpool.PoolError) as caught:
        conn.noop()
    assert caught.value.reason == "taken-away" and isinstance(caught.value, imaplib.IMAP4.abort)
    conn.drop()


@pytest.mark.parametrize("untagged", [b"+ go on\r\n", b"* 1 FETCH (BODY[] {1000000}\r\nabc"], ids=["while it sends", "while it reads"])
def test_a_connection_that_breaks_in_the_middle_of_a_message_is_lost(start: Start, pool: mailpool.IMAPPool, untagged: bytes) -> None:
    start(untagged={"APPEND": untagged}, answers={"APPEND": None})
    with pytest.raises(mailpool.ConnectionLost) as caught:
        with pool.connection("anna", "secret") as conn:
            conn.append("INBOX", "", "", b"x" * 5_000_000)
    assert caught.value.reason == "lost" and pool.lent == 0


def test_what_the_server_does_not_understand_is_a_pool_error_too(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"NOOP": b"BAD what"})
    with pool.connection("anna", "secret") as conn:
        with pytest.raises(mailpool.CommandError, match="what"):
            conn.noop()


def test_what_imaplib_itself_refuses_is_a_pool_error_and_no_refused_login(start: Start, pool: mailpool.IMAPPool) -> None:
    start(greeting=b"* OK [CAPABILITY IMAP4rev1] ready\r\n", answers={"LOGIN": b"OK [CAPABILITY IMAP4rev1 MOVE] in"})
    with pool.connection() as conn:
        with pytest.raises(mailpool.CommandError, match="illegal in state NONAUTH"):
            conn.select()
        conn.login("anna", "secret")
        for reason, job in (("misuse", lambda: conn.login("anna", "secret")), ("misuse", lambda: conn.login_token("anna", "t0ken")),
                            ("misuse", lambda: conn.authenticate("PLAIN", lambda _: b"")), ("command", lambda: conn.enable("CONDSTORE")),
                            ("command", lambda: conn.starttls())):
            with pytest.raises(mailpool.PoolError) as caught:
                job()
            assert (caught.value.reason, type(caught.value) is mailpool.LoginRefused) == (reason, False), caught.value
        assert conn.noop()[0] == "OK", "none of it was said"
        conn.logout()
        with pytest.raises(mailpool.PoolError, match="given back already") as caught:
            conn.noop()
        assert caught.value.reason == "misuse"


def test_a_login_tells_what_the_server_can(start: Start, pool: mailpool.IMAPPool) -> None:
    start(greeting=b"* OK [CAPABILITY IMAP4rev1] ready\r\n", answers={"LOGIN": b"OK [CAPABILITY IMAP4rev1 ENABLE move] in"})
    with pool.connection("anna", "secret") as conn:
        assert conn.capabilities == ("IMAP4REV1", "ENABLE", "MOVE")
        assert conn.enable("CONDSTORE")[0] == "OK"


# --- processes, collections, retries

def test_a_pool_pickles_as_its_settings(start: Start, pool: mailpool.IMAPPool) -> None:
    start()
    with pool.connection("anna", "secret"):
        other = pickle.loads(pickle.dumps(pool))
        assert (other.path, other.timeout, other.lent) == (pool.path, pool.timeout, 0)
        with other.connection("anna", "secret") as conn:
            assert conn.noop()[0] == "OK"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_never_touches_its_parents_loans(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    conn = pool.get_connection("anna", "secret")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert pool.lent == 0
            with pytest.raises(mailpool.PoolError, match="parent process"):
                conn.noop()
            conn.drop()
            conn.leave()
            with pool.connection("anna", "secret") as own:
                assert own.noop()[0] == "OK"
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert conn.noop()[0] == "OK" and pool.lent == 1, "the parent's connection is as it was"
    pool.release_connection(conn)
    assert manager.wait_until_ended(2) == ["logout", "logout"]


def borrow_in_a_worker(pool: mailpool.IMAPPool) -> str:
    with pool.connection("anna", "secret") as conn:
        return str(conn.noop()[0])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_gets_a_pool_as_an_argument(start: Start, pool: mailpool.IMAPPool, method: str) -> None:
    start()
    with multiprocessing.get_context(method).Pool(3) as workers:
        assert workers.map(borrow_in_a_worker, [pool] * 6) == ["OK"] * 6


def test_a_forgotten_connection_comes_back_with_a_warning(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pytest.warns(mailpool.ForgottenConnection, match=r"test_imap_pool\.py:\d+ was never given back"):
        conn = pool.get_connection("anna", "secret")
        del conn
        gc.collect()
    assert pool.lent == 0 and manager.wait_until_ended(1) == ["dropped"]


def test_one_that_was_given_back_warns_nobody(start: Start, pool: mailpool.IMAPPool) -> None:
    start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pool.connection("anna", "secret"):
            pass
        pool.release_connection(pool.get_connection("anna", "secret"))
        pool.get_connection("anna", "secret").logout()
        gc.collect()


def test_retry_tries_again_what_may_pass(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"LOGIN": b"NO [UNAVAILABLE] not yet"})
    waits: list[float] = []
    with pytest.raises(mailpool.PoolBusy):
        mailpool.retry(lambda: pool.get_connection("anna", "secret"), attempts=4, first_wait=1, longest_wait=3, sleep=waits.append)
    assert len(waits) == 3 and 0.75 <= waits[0] <= 1 and 1.5 <= waits[1] <= 2 and 2.25 <= waits[2] <= 3


@pytest.mark.parametrize("trouble", [mailpool.LoginRefused("no"), mailpool.ConnectionLost("gone"), KeyError("other")])
def test_retry_lets_everything_else_pass_at_once(trouble: Exception) -> None:
    calls: list[int] = []

    def job() -> None:
        calls.append(1)
        raise trouble
    with pytest.raises(type(trouble)):
        mailpool.retry(job, sleep=lambda _: None)
    assert len(calls) == 1


def test_retry_returns_what_the_job_returns() -> None:
    outcomes: Iterator[Exception | int] = iter([mailpool.PoolBusy("later"), 7])

    def job() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
    assert mailpool.retry(job, sleep=lambda _: None) == 7


# --- status

def test_status_is_what_the_manager_says_of_the_whole_profile(start: Start, pool: mailpool.IMAPPool) -> None:
    start(untagged={"ID": b'* ID ("name" "mailpool" "profile" "bounces" "state" "backing_off" "clients" "12" "waiting" "3" "active" "8" '
                          b'"idle" "0" "connections" "8" "max_connections" "100" "pool_size" "8" "last_error" "say \\"no\\"")\r\n'})
    with pool.connection("anna", "secret"):
        status = pool.status()
    assert status == mailpool.PoolStatus(1, "bounces", "backing_off", 12, 3, 8, 0, 8, 100, 8, 'say "no"')
    assert "waiting 3" in str(status)


def test_a_manager_that_tells_nothing_of_itself_is_an_error(start: Start, pool: mailpool.IMAPPool) -> None:
    start(untagged={"ID": b'* ID ("name" "mailpool")\r\n'})
    with pytest.raises(mailpool.PoolUnavailable, match="does not tell"):
        pool.status()


# --- servers that no profile names

def test_a_host_is_named_before_the_login(start: Start, tmp_path: Path) -> None:
    manager = start("dynamic")
    pool = mailpool.IMAPPool(host="imap.example.com", port=993, ssl=True, pool_size=5, directory=tmp_path)
    with pool.connection("anna", "secret"):
        pass
    assert manager.said("XMAILPOOL")[0].endswith(b'XMAILPOOL "imap.example.com" 993 implicit 5')
    assert manager.lines.index(manager.said("XMAILPOOL")[0] + b"\r\n") < manager.lines.index(manager.said("LOGIN")[0] + b"\r\n")


def test_a_host_without_a_pool_size_gets_the_operators(start: Start, tmp_path: Path) -> None:
    manager = start("dynamic")
    with mailpool.IMAPPool(host="imap.example.com", directory=tmp_path).connection("anna", "secret"):
        pass
    assert manager.said("XMAILPOOL")[0].endswith(b'XMAILPOOL "imap.example.com" 993 implicit')


def test_starttls_is_what_a_host_without_ssl_gets(start: Start, tmp_path: Path) -> None:
    manager = start("dynamic")
    with mailpool.IMAPPool(host="::1", port=143, ssl=False, pool_size=2, directory=tmp_path).connection("anna", "secret"):
        pass
    assert manager.said("XMAILPOOL")[0].endswith(b'XMAILPOOL "::1" 143 starttls 2')


def test_a_host_where_the_operator_allows_none_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(mailpool.PoolUnavailable, match=r"\[imap_dynamic\]"):
        mailpool.IMAPPool(host="imap.example.com", directory=tmp_path).get_connection("anna", "secret")


@pytest.mark.parametrize("answer", [b"NO [CANNOT] imap.example.com:993 is not in servers of [imap_dynamic]",
                                    b"BAD imap.example.com:993 is not in servers"])
def test_a_host_that_the_operator_does_not_allow_is_told_in_the_managers_words(start: Start, tmp_path: Path, answer: bytes) -> None:
    manager = start("dynamic", answers={"XMAILPOOL": answer})
    with pytest.raises(mailpool.PoolUnavailable, match="is not in servers"):
        mailpool.IMAPPool(host="imap.example.com", directory=tmp_path).get_connection("anna", "secret")
    assert not manager.said("LOGIN"), "no password goes where the server was not accepted"


def test_no_room_for_another_server_may_pass(start: Start, tmp_path: Path) -> None:
    start("dynamic", answers={"XMAILPOOL": b"NO [UNAVAILABLE] there are 50 profiles already (max_profiles)"})
    with pytest.raises(mailpool.PoolBusy) as caught:
        mailpool.IMAPPool(host="imap.example.com", directory=tmp_path).get_connection("anna", "secret")
    assert caught.value.reason == "full" and caught.value.may_be_retried


# --- imapclient

@pytest.fixture
def imapclient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package where it is installed; else what says how it is used."""
    if importlib.util.find_spec("imapclient") is None:
        monkeypatch.syspath_prepend(str(Path(__file__).parent / "stand_in"))  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.usefixtures("imapclient")
def test_a_block_may_have_an_imapclient(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start()
    with pool.connection("anna", "secret", client="imapclient") as client:
        assert client.noop()[0] == b"done" and pool.lent == 1
    with pool.imapclient("anna", token="t0ken") as client:
        client.noop()
    with pool.connection(client="imapclient") as client:
        client.login("anna", "secret")
        client.logout()
    with pool.connection(client="imapclient") as client:
        client.oauth2_login("anna", "t0ken")
    assert manager.wait_until_ended(4) == ["logout"] * 4 and pool.lent == 0
    assert (len(manager.said("LOGIN")), len(manager.said("AUTHENTICATE"))) == (2, 2)


@pytest.mark.usefixtures("imapclient")
def test_an_imapclients_failures_are_pool_errors_and_a_block_that_raises_drops_it(start: Start, pool: mailpool.IMAPPool) -> None:
    manager = start(answers={"LOGIN": b"NO [AUTHENTICATIONFAILED] no"})
    with pytest.raises(mailpool.LoginRefused):
        with pool.connection("anna", "wrong", client="imapclient"):
            pass
    with pytest.raises(KeyError):
        with pool.connection("anna", token="t0ken", client="imapclient"):
            raise KeyError("oh")
    assert manager.wait_until_ended(2) == ["dropped", "dropped"] and pool.lent == 0


@pytest.mark.usefixtures("imapclient")
def test_an_imapclient_in_idle_hears_what_comes_and_keeps_the_pools_timeout(start: Start, pool: mailpool.IMAPPool) -> None:
    start(untagged={"IDLE": b"+ idling\r\n"}, news={"IDLE": b"* 4 EXISTS\r\n* 1 RECENT\r\n"})
    with pool.connection("anna", "secret", client="imapclient", timeout=7) as client:
        client.idle()
        assert len(client.idle_check(timeout=5)) == 2
        assert client.idle_check(timeout=0.01) == []
        assert client.connection.timeout == 7 and client.connection.sock.gettimeout() == 7
        client.connection.drop()


@pytest.mark.usefixtures("imapclient")
def test_an_imapclient_in_idle_that_is_taken_away_is_told_why(start: Start, pool: mailpool.IMAPPool) -> None:
    start(untagged={"IDLE": b"+ idling\r\n"}, farewells={"IDLE": b"* BYE The connection to the IMAP server is lost (max_loan_time)\r\n"})
    with pytest.raises(mailpool.ConnectionLost) as caught:
        with pool.connection("anna", "secret", client="imapclient") as client:
            client.idle()
            while True:
                client.idle_check(timeout=5)
    assert caught.value.reason == "taken-away"


def test_another_client_is_a_mistake(pool: mailpool.IMAPPool) -> None:
    unknown: dict[str, Any] = {"client": "mutt"}
    with pytest.raises(ValueError, match="imaplib or imapclient"):
        pool.connection("anna", "secret", **unknown)


# --- mistakes

@pytest.mark.parametrize("arguments", [{}, {"profile": "a", "host": "b"}, {"profile": "a", "socket": "/b"}, {"profile": "../a"},
                                       {"profile": "A"}, {"profile": ""}, {"host": "a b"}, {"host": "a\r\nb"}, {"host": ""},
                                       {"host": "a", "port": 0}, {"host": "a", "pool_size": 0}, {"profile": "a", "timeout": 0},
                                       {"profile": "a", "port": 993}, {"profile": "a", "ssl": True}, {"socket": "/a", "pool_size": 5},
                                       {"socket": "/a", "directory": "/b"}])
def test_what_makes_no_sense_is_refused_before_anything_is_connected(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        mailpool.IMAPPool(**arguments)


def test_no_password_is_in_a_representation_or_an_error(start: Start, pool: mailpool.IMAPPool) -> None:
    start(answers={"LOGIN": b"NO no"})
    with pytest.raises(mailpool.LoginRefused) as caught:
        pool.get_connection("anna", "hunter2")
    assert "hunter2" not in repr(pool) + repr(caught.value) + str(caught.value)


# --- the package

def test_the_package_its_tests_and_the_examples_are_typed_for_mypy() -> None:
    assert (SOURCES / "py.typed").exists()
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(PROJECT), "--cache-dir", os.devnull, str(SOURCES),
                           *map(str, EXAMPLES), *map(str, sorted(Path(__file__).parent.glob("*.py")))], capture_output=True, text=True,
                          check=False)
    if "No module named mypy" in done.stderr:
        pytest.skip("mypy is not installed")
    assert done.returncode == 0, done.stdout


def test_and_for_pyright() -> None:
    pyright = shutil.which("pyright")
    if pyright is None:
        pytest.skip("pyright is not installed: npm install pyright, and its directory in PATH")
    done = subprocess.run([pyright, "--project", str(PROJECT), "--pythonpath", sys.executable], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_everything_public_is_documented() -> None:
    for name in mailpool.__all__:
        thing = getattr(mailpool, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
            for member, value in vars(thing).items():
                if callable(value) and not member.startswith("_") and value.__module__.startswith("mailpool"):
                    assert value.__doc__, f"{name}.{member}"
