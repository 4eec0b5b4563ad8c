"""The pool's promises: how many connections, whose turn it is, whose password, how long; with Dovecot or a fake server behind it."""

import base64
import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.dovecot import Dovecot
from lab.fakeimap import Command, FakeImap, Session
from lab.imap import Answer, Imap, ImapError, capabilities
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER, PASSWORD = "anna", "anna-secret"


@pytest.fixture
def start(lab: Lab, fake: FakeImap) -> Callable[..., ImapPool]:
    """A pool before the fake server: start(pool_size=2)."""
    return lambda **over: ImapPool(lab, fake.address, tls="none", **over)


# --- how many

def test_a_hundred_clients_of_one_user_share_eight_connections_and_come_in_their_order(fake: FakeImap, start):
    pool = start(pool_size=8, checkout_timeout="5m")
    first = [pool.login(USER, PASSWORD) for _ in range(8)]  # all are lent: who comes now, waits
    waiting = []
    for number in range(100):
        session = pool.session(timeout=40)
        session.start(f"LOGIN {USER} {PASSWORD}", tag=b"w%d" % number)
        waiting.append(session)
        if number % 10 == 9:
            pool.wait_for(USER, waiting=number + 1)
    for session in first:
        session.logout()
    for number, session in enumerate(waiting):  # who is served out of turn gives nothing back before this one
        assert session.finish(b"w%d" % number).ok
        session.expect("SELECT INBOX")
        session.logout()
    assert fake.most_open <= 8
    row = pool.wait_for(USER, active=0, waiting=0, resetting=0)
    assert row["created"] <= 8


def test_a_waiting_client_is_told_what_it_waited_for_when_its_time_is_over(fake: FakeImap, start):
    pool = start(pool_size=1, checkout_timeout="1s")
    with pool.login(USER, PASSWORD), pool.session() as second:
        began = time.monotonic()
        answer = second.try_login(USER, PASSWORD)
        took = time.monotonic() - began
    assert answer.status == "NO" and "pool_size" in answer.text, answer
    assert took >= 0.9, took


def test_max_connections_counts_all_users_of_a_profile(fake: FakeImap, start):
    pool = start(max_connections=2, checkout_timeout="1s")
    with pool.login("anna", "anna-secret"), pool.login("bert", "bert-secret"), pool.session() as third:
        answer = third.try_login("anna", "anna-secret")
        assert answer.status == "NO" and "max_connections" in answer.text, answer
    assert fake.most_open == 2


def test_an_idle_connection_of_another_user_makes_room(fake: FakeImap, start):
    pool = start(max_connections=1, checkout_timeout="3s")
    pool.login("anna", "anna-secret").logout()
    pool.wait_for("anna", idle=1)
    pool.login("bert", "bert-secret").logout()
    assert fake.most_open <= 2 and len(fake.open()) <= 1


def test_a_client_that_leaves_while_it_waits_takes_nobodys_turn(fake: FakeImap, start):
    pool = start(pool_size=1, checkout_timeout="10s")
    first = pool.login(USER, PASSWORD)
    leaver = pool.session()
    leaver.start(f"LOGIN {USER} {PASSWORD}")
    pool.wait_for(USER, waiting=1)
    stayer = pool.session()
    tag = stayer.start(f"LOGIN {USER} {PASSWORD}")
    pool.wait_for(USER, waiting=2)
    leaver.close()
    pool.wait_for(USER, waiting=1)
    first.logout()
    assert stayer.finish(tag).ok


# --- how long

def test_max_uses_ends_a_connection_after_so_many_loans(fake: FakeImap, start):
    pool = start(max_uses=2)
    for _ in range(4):
        pool.login(USER, PASSWORD).logout()
        pool.wait_for(USER, active=0, resetting=0)
    assert len(fake.sessions) == 2
    assert pool.discarded(USER)["max_uses"] == 2


def test_an_idle_connection_is_closed_with_logout_after_idle_timeout(fake: FakeImap, start):
    pool = start(idle_timeout="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=0, timeout=5)
    assert pool.discarded(USER)["idle_timeout"] == 1
    wait_until(lambda: fake.sessions[0].commands[-1].name == "LOGOUT", 5, "the server was told LOGOUT")


def test_keepalive_does_not_keep_a_connection_beyond_idle_timeout(fake: FakeImap, start):
    pool = start(idle_timeout="2s", keepalive="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=0, timeout=5)
    wait_until(lambda: not fake.open(), 3, "it is closed")
    assert pool.discarded(USER)["idle_timeout"] == 1


def test_max_lifetime_ends_what_is_idle(fake: FakeImap, start):
    pool = start(max_lifetime="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=0, timeout=5)
    assert pool.discarded(USER)["max_lifetime"] == 1


def test_keepalive_says_noop_on_what_is_idle(fake: FakeImap, start):
    pool = start(keepalive="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    known = len(fake.sessions[0].commands)
    wait_until(lambda: any(command.name == "NOOP" for command in fake.sessions[0].commands[known:]), 5, "NOOP")
    pool.wait_for(USER, idle=1)
    assert len(fake.sessions) == 1


def test_a_loan_that_lasts_too_long_is_ended_and_its_borrower_named_in_the_log(fake: FakeImap, start):
    pool = start(max_loan_time="1s")
    with pool.login(USER, PASSWORD) as session:
        said = session.unread(5, b"BYE")
        assert b"BYE" in said and b"max_loan_time" in said, said
    wait_until(lambda: re.search(rf"pid={os.getpid()}\b.*max_loan_time", pool.manager.log()), 5, "the log names the borrower")


def test_min_idle_connections_stay_beyond_idle_timeout(fake: FakeImap, start):
    """No password is kept, so the pool opens none by itself; it only keeps what a program's login has opened."""
    pool = start(min_idle=1, idle_timeout="1s")
    with pool.login(USER, PASSWORD):
        pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=2)
    pool.wait_for(USER, idle=1)
    time.sleep(1.5)
    assert pool.wait_for(USER, idle=1)["discarded"]["idle_timeout"] == 1


# --- whose password

def test_an_old_password_stops_working_within_reauth_interval_although_it_is_used_all_the_time(fake: FakeImap, start):
    pool = start(reauth_interval="1s")
    pool.login(USER, PASSWORD).logout()
    fake.users[USER] = "another"
    changed = time.monotonic()
    while True:
        with pool.session() as session:
            if not session.try_login(USER, PASSWORD).ok:
                break
            session.logout()
        assert time.monotonic() < changed + 15, "the old password still works"
        time.sleep(0.05)
    pool.login(USER, "another").logout()


def test_a_new_password_works_at_once_and_retires_the_connections_of_the_old_one(fake: FakeImap, start):
    pool = start()
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    fake.users[USER] = "another"
    pool.login(USER, "another").logout()
    wait_until(lambda: len(fake.open()) == 1, 5, "the old password's connection is closed")
    with pool.session() as session:
        assert not session.try_login(USER, PASSWORD).ok


def test_a_flood_of_wrong_passwords_evicts_nothing_and_is_kept_from_the_server(fake: FakeImap, start):
    pool = start()
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)

    def guess(_: int) -> bool:
        with pool.session() as session:
            return session.try_login(USER, "wrong").ok
    with ThreadPoolExecutor(8) as threads:
        flood = threads.map(guess, range(16))
        for _ in range(5):  # the user's own logins go on, on the warm connection
            pool.login(USER, PASSWORD).logout()
        assert not any(flood)
    assert [right for _, right in fake.logins].count(True) <= 2
    assert [right for _, right in fake.logins].count(False) <= 10, "the answer is remembered"
    pool.wait_for(USER, idle=1)
    assert len(fake.open()) >= 1


def test_the_servers_own_words_are_passed_on(fake: FakeImap, start):
    pool = start()
    with pool.session() as session:
        answer = session.try_login(USER, "wrong")
    assert (answer.status, answer.text) == ("NO", "[AUTHENTICATIONFAILED] these words are the server's own")


def test_one_users_connection_is_never_lent_to_another(fake: FakeImap, start):
    pool = start()
    pool.login("anna", "anna-secret").logout()
    with pool.login("bert", "bert-secret") as session:
        session.expect("SELECT INBOX")
        assert b"watermark of bert" in session.expect("FETCH 1 BODY[]").joined()


@pytest.mark.parametrize("login", [
    b"LOGIN anna anna-secret", b'LOGIN "anna" "anna-secret"', b'login "anna" anna-secret', b"LOGIN {4+}\r\nanna {11+}\r\nanna-secret",
    b"LOGIN anna {11+}\r\nanna-secret", b"AUTHENTICATE PLAIN AGFubmEAYW5uYS1zZWNyZXQ=",
    b"AUTHENTICATE PLAIN YW5uYQBhbm5hAGFubmEtc2VjcmV0", b"authenticate LOGIN YW5uYQ=="])
def test_every_spelling_of_a_login_is_the_same_user(fake: FakeImap, start, login: bytes):
    pool = start()
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    with pool.session() as session:
        tag = session.start(login)
        if b"LOGIN YW5" in login:
            session.wait_for_continuation()
            session.send(b"YW5uYS1zZWNyZXQ=\r\n")
        answer = session.finish(tag)
        assert answer.ok, answer
        session.logout()
    assert len(fake.logins) == 1, "the connection that was there, not a login of its own"


def bearer(session: Session, command: Command) -> None:
    """XOAUTH2 as Google speaks it, OAUTHBEARER as RFC 7628 has it: an initial response, and a challenge before each refusal."""
    mechanism, _, initial = command.arguments.partition(b" ")
    said = base64.b64decode(initial)
    user = re.search(rb"(?:user=|a=)([a-z]+)", said)[1].decode()
    right = b"Bearer the-token\x01" in said
    session.server.logins.append((user, right))
    if not right:
        session.say(b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
        session.read_line()
        return session.answer(command, "NO [AUTHENTICATIONFAILED] the token is not good")
    session.user = user
    session.answer(command, f"OK [CAPABILITY {session.server.after_login}] {mechanism.decode()} it is")


def token_login(session: Imap, mechanism: str, token: str) -> Answer:
    if mechanism == "XOAUTH2":
        response = f"user=anna\x01auth=Bearer {token}\x01\x01"
    else:
        response = f"n,a=anna,\x01host=h\x01port=993\x01auth=Bearer {token}\x01\x01"
    tag = session.start(f"AUTHENTICATE {mechanism}")
    session.wait_for_continuation()
    session.send(base64.b64encode(response.encode()) + b"\r\n")
    if token != "the-token":
        session.wait_for_continuation()  # what went wrong, as JSON
        session.send(b"AQ==\r\n" if mechanism == "OAUTHBEARER" else b"\r\n")
    return session.finish(tag)


@pytest.mark.parametrize("offered", ["AUTH=XOAUTH2", "AUTH=OAUTHBEARER", "AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER"])
def test_a_token_opens_connections_of_its_own_in_either_mechanism(fake: FakeImap, start, offered: str):
    fake.before_login = f"IMAP4rev1 SASL-IR {offered}"
    fake.hooks["AUTHENTICATE"] = bearer
    pool = start()
    for mechanism in ("XOAUTH2", "OAUTHBEARER", "XOAUTH2"):
        with pool.session() as session:
            assert token_login(session, mechanism, "the-token").ok
            session.expect("SELECT INBOX")
            session.logout()
        pool.wait_for(USER, idle=1, active=0, resetting=0)
    assert fake.logins == [("anna", True)], "both mechanisms are the same token"
    with pool.session() as session:
        answer = token_login(session, "OAUTHBEARER", "another")
        assert answer.status == "NO" and answer.text == "[AUTHENTICATIONFAILED] the token is not good", answer
        assert token_login(session, "XOAUTH2", "the-token").ok, "and another try may follow"
    assert "the-token" not in pool.manager.log()


def test_a_cancelled_authentication_is_bad_and_forgotten(start):
    pool = start()
    with pool.session() as session:
        tag = session.start("AUTHENTICATE PLAIN")
        session.wait_for_continuation()
        session.send(b"*\r\n")
        assert session.finish(tag).status == "BAD"
        session.login(USER, PASSWORD)


def test_what_stands_behind_a_login_in_the_same_packet_is_not_lost(fake: FakeImap, start):
    pool = start()
    with pool.session() as session:
        session.send(b"a LOGIN anna anna-secret\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\nd LOGOUT\r\n")
        assert session.finish(b"a").ok and session.finish(b"b").ok
        assert b"watermark of anna" in session.finish(b"c").joined()
        assert session.finish(b"d").ok and session.at_end()


def test_no_password_is_ever_in_the_log(fake: FakeImap, start):
    pool = start()
    for login in (b"LOGIN anna anna-secret", b"LOGIN {4+}\r\nanna {11+}\r\nanna-secret", b"LOGIN anna hunter2",
                  b"AUTHENTICATE PLAIN AGFubmEAYW5uYS1zZWNyZXQ=", b"LOGIN anna anna-secret anna-secret", b'LOGIN "anna" "anna-secret'):
        with pool.session() as session:
            tag = session.start(login)
            session.unread(0.5, tag + b" ")
    for secret in (b"anna-secret", b"hunter2", b"AGFubmE"):
        assert secret.decode() not in pool.manager.log()


# --- who may

def test_a_user_who_is_not_listed_is_told_the_options_name(fake: FakeImap, start):
    pool = start(allow_users=["guest"])
    with pytest.raises((ImapError, ConnectionError)) as caught, pool.session() as session:
        assert session.greeting.startswith(b"* BYE") and b"allow_users" in session.greeting
        raise ImapError("turned away")
    assert "turned away" in str(caught.value)


def test_an_account_logs_in_whoever_may_connect(lab: Lab, fake: FakeImap):
    secret = lab.secret("password", "anna-secret\n")
    account = lab.directory("account", owner="mailpool", group="mailpool") / "anna.sock"
    ImapPool(lab, fake.address, tls="none", account={"user": "anna", "password_file": str(secret), "listen": [str(account)],
                                                     "allow_users": ["root"]})
    with Imap.over_unix(account) as session:
        assert session.greeting.startswith(b"* PREAUTH"), session.greeting
        session.expect("SELECT INBOX")
        assert b"watermark of anna" in session.expect("FETCH 1 BODY[]").joined()
        session.logout()


def test_a_user_who_may_use_the_profile_may_not_use_its_account(lab: Lab, fake: FakeImap):
    secret = lab.secret("password", "anna-secret\n")
    account = lab.directory("account", owner="mailpool", group="mailpool") / "anna.sock"
    ImapPool(lab, fake.address, tls="none", account={"user": "anna", "password_file": str(secret), "listen": [str(account)],
                                                     "allow_users": ["guest"]})
    with pytest.raises((ImapError, ConnectionError)) as caught, Imap.over_unix(account) as session:
        assert session.greeting.startswith(b"* BYE") and b"allow_users" in session.greeting, session.greeting
        raise ImapError("turned away")
    assert "turned away" in str(caught.value)
    assert not fake.sessions


@pytest.mark.parametrize(("owner", "mode", "words"), [("guest", 0o604, "belongs neither to root nor"), ("mailpool", 0o640, "chmod 0600"),
                                                      ("mailpool", 0o604, "chmod 0600"), ("mailpool", 0o600, "")])
def test_a_password_that_others_could_have_written_or_read_logs_nobody_in(lab: Lab, fake: FakeImap, owner: str, mode: int, words: str):
    secret = lab.secret("password", "anna-secret\n", owner)
    secret.chmod(mode)
    account = lab.directory("account", owner="mailpool", group="mailpool") / "anna.sock"
    pool = ImapPool(lab, fake.address, tls="none", account={"user": "anna", "password_file": str(secret), "listen": [str(account)],
                                                            "allow_users": ["root"]})
    with Imap.over_unix(account) as session:
        assert session.greeting.startswith(b"* BYE" if words else b"* PREAUTH"), session.greeting
    assert (f'[imap.bounces.account] password_file: "{secret}": ' in pool.manager.log()) == bool(words)
    assert words in pool.manager.log() and "anna-secret" not in pool.manager.log()


# --- what clients are told

def test_the_greeting_and_every_other_list_show_what_a_logged_in_client_may_use(fake: FakeImap, start):
    fake.after_login += " COMPRESS=DEFLATE UNAUTHENTICATE LOGINDISABLED AUTH=PLAIN STARTTLS"
    pool = start()
    pool.login(USER, PASSWORD).logout()
    with pool.session() as session:
        lists = {"greeting": capabilities([session.greeting])}
        lists["CAPABILITY"] = capabilities(session.expect("CAPABILITY").untagged)
        login = session.login(USER, PASSWORD)
        lists["LOGIN"] = capabilities([login.text.encode(), *login.untagged])
        lists["after LOGIN"] = capabilities(session.expect("CAPABILITY").untagged)
    for where, names in lists.items():
        if names or where != "LOGIN":
            assert {"IDLE", "UNSELECT", "UIDPLUS"} <= names, (where, names)
        assert not names & {"COMPRESS=DEFLATE", "UNAUTHENTICATE", "LOGINDISABLED", "STARTTLS"}, (where, names)
    assert not any(name.startswith("AUTH=") for name in lists["after LOGIN"])


@pytest.mark.parametrize("command", ["LOGIN anna anna-secret", "AUTHENTICATE PLAIN", "STARTTLS", "COMPRESS DEFLATE", "UNAUTHENTICATE"])
def test_what_would_change_who_a_connection_belongs_to_is_refused_here(fake: FakeImap, start, command: str):
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        assert session.command(command).status in ("BAD", "NO")
        assert session.expect("NOOP").ok
        session.logout()
    known = [seen.name for seen in fake.sessions[0].commands]
    assert command.split()[0] not in known[1:], known


# --- operators

def test_flush_closes_what_a_user_has_idle(fake: FakeImap, start):
    pool = start()
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    assert pool.manager.poolctl("imap", "flush", USER).returncode == 0
    wait_until(lambda: not fake.open(), 5, "the connection is closed")
    pool.login(USER, PASSWORD).logout()
    assert len(fake.logins) == 2, "the password was asked for again"


def test_a_paused_profile_lends_nothing_until_it_is_resumed(fake: FakeImap, start):
    pool = start(checkout_timeout="1s")
    assert pool.manager.poolctl("imap", "pause", "bounces").returncode == 0
    with pool.session() as session:
        answer = session.try_login(USER, PASSWORD)
        assert answer.status == "NO" and "pause" in answer.text, answer
    assert pool.manager.poolctl("imap", "resume", "bounces").returncode == 0
    pool.login(USER, PASSWORD).logout()


def test_an_operator_who_mistypes_a_name_is_told_so(fake: FakeImap, start):
    pool = start()
    pool.login(USER, PASSWORD).logout()
    for command, words in ((("pause", "bounce"), "bounces"), (("resume", "bounce"), "bounces"), (("flush", "nobody"), "nobody")):
        refused = pool.manager.poolctl("imap", *command)
        assert refused.returncode == 1 and words in refused.stdout + refused.stderr, (command, refused)
    pool.login(USER, PASSWORD).logout()


def test_poolctl_shows_a_row_for_each_user_and_connection_in_eighty_columns(fake: FakeImap, start):
    pool = start()
    with pool.login("anna", "anna-secret"):
        pool.login("bert", "bert-secret").logout()
        pool.wait_for("bert", idle=1)
        assert {(row["user"], row["active"], row["idle"]) for row in pool.rows()} == {("anna", 1, 0), ("bert", 0, 1)}
        for command in (["imap"], ["imap", "connections"]):
            shown = pool.manager.poolctl(*command, environment={"COLUMNS": "80"}).stdout
            assert "anna" in shown and "bert" in shown and max(map(len, shown.splitlines())) <= 80, shown


COLUMNS = {"profile", "user", "authzid", "state", "active", "waiting", "idle", "resetting", "checking", "login", "closing", "pool_size",
           "longest_wait", "created", "reused", "logins_refused", "discarded", "last_error"}


def test_scripts_find_every_column_in_json_and_the_same_rows_in_status(fake: FakeImap, start):
    pool = start(pool_size=1)
    put_away = pool.login("bert", "bert-secret")
    put_away.expect("ENABLE CONDSTORE")
    put_away.logout()
    with pool.login(USER, PASSWORD) as lent, pool.session() as second:
        tag = second.start(f"LOGIN {USER} {PASSWORD}")
        pool.wait_for(USER, active=1, waiting=1)
        lent.start("IDLE")
        lent.wait_for_continuation()
        pool.wait_for("bert", closing=0)
        shown = pool.manager.poolctl.json("imap")
        anna, bert = sorted(shown["users"], key=lambda row: row["user"])
        assert set(anna) >= COLUMNS
        assert (anna["profile"], anna["active"], anna["waiting"], anna["created"], anna["state"]) == ("bounces", 1, 1, 1, "open")
        assert anna["longest_wait"] > 0
        assert bert["discarded"] == [{"reason": "taint_enable", "count": 1}]
        profile = shown["profiles"][0]
        assert (profile["profile"], profile["clients"], profile["waiting"], profile["connections"]) == ("bounces", 2, 1, 1)
        assert profile["servers"] == [{"server": fake.address, "state": "open", "last_error": "", "certificate_until": None}]
        again = pool.manager.poolctl.json("status")["imap"]["users"]
        assert {row["user"]: row["active"] for row in again} == {"anna": 1, "bert": 0}
        connection, = pool.manager.poolctl.json("imap", "connections")["connections"]
        assert (connection["user"], connection["state"], connection["pid"]) == (USER, "active", os.getpid())
        assert connection["doing"] == "in IDLE" and connection["server"] == fake.address
        lent.send(b"DONE\r\nz LOGOUT\r\n")
        assert second.finish(tag).ok


def test_a_stopped_manager_says_logout_on_every_connection(fake: FakeImap, start):
    pool = start(settings={"drain_timeout": "1s"})
    with pool.login("anna", "anna-secret") as lent:
        pool.login("bert", "bert-secret").logout()
        pool.wait_for("bert", idle=1)
        pool.manager.terminate()
        assert b"BYE" in lent.unread(5, b"BYE"), "who is between two commands is told, and loses nothing"
    assert pool.manager.process.wait(10) == 0
    for session in fake.sessions:
        assert session.commands[-1].name == "LOGOUT"


def test_a_reload_applies_to_what_comes_after_it(fake: FakeImap, start):
    pool = start(pool_size=1, checkout_timeout="1s")
    with pool.login(USER, PASSWORD) as first:
        pool.reload(pool_size=2)
        with pool.login(USER, PASSWORD):
            assert first.expect("NOOP").ok, "who has borrowed is not disturbed"


# --- with a real server

def test_a_real_server_is_verified_by_chain_and_name(lab: Lab, dovecot: Dovecot, authority: Authority, tmp_path: Path):
    stranger = Authority(lab.directory("stranger"))
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", stranger.certificate, checkout_timeout="3s", profiles={
        "right": {"tls_ca_file": str(authority.certificate)},
        "name": {"tls_ca_file": str(authority.certificate), "server": [f"127.0.0.2:{dovecot.port}"]},
        "starttls": {"tls_ca_file": str(authority.certificate), "server": [f"127.0.0.1:{dovecot.plain_port}"], "tls": "starttls"}})
    with pool.session() as session:
        answer = session.try_login("anna", "anna-secret")
        assert answer.status == "NO" and "UNAVAILABLE" in answer.text, answer
    for profile in ("right", "starttls"):
        pool.login("anna", "anna-secret", profile).logout()
    assert dovecot.logins("anna") == 2


def test_reloads_and_pauses_under_load_fail_no_session(lab: Lab, dovecot: Dovecot, authority: Authority):
    trusted = lab.directory("trusted") / "authorities.pem"
    trusted.write_text(authority.certificate.read_text())
    stranger = Authority(lab.directory("stranger")).certificate.read_text()
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", trusted, pool_size=3, checkout_timeout="30s")
    dovecot.put(USER, b"Subject: x\r\n\r\nwatermark of anna\r\n")
    stop, done, broken = threading.Event(), [], []

    def job() -> None:
        while not stop.is_set() and not broken:
            try:
                with pool.login(USER, PASSWORD, timeout=40) as session:
                    session.expect("SELECT INBOX")
                    assert b"watermark of anna" in session.expect("FETCH 1 BODY.PEEK[]").joined()
                    session.logout()
                done.append(1)
            except (ImapError, OSError, AssertionError) as trouble:
                broken.append(trouble)

    def some_more() -> None:
        known = len(done)
        wait_until(lambda: len(done) > known + 10 or broken, 30, "sessions are served")
    workers = [threading.Thread(target=job) for _ in range(6)]
    for worker in workers:
        worker.start()
    for round_ in range(3):
        some_more()
        trusted.write_text(authority.certificate.read_text() + stranger * (round_ % 2))
        pool.reload(pool_size=2 + round_)
        some_more()
        pool.manager.poolctl("imap", "pause", "bounces")
        pool.wait_for(USER, active=0)
        pool.manager.poolctl("imap", "resume", "bounces")
    some_more()
    stop.set()
    for worker in workers:
        worker.join(40)
    assert not broken, broken
    row = pool.wait_for(USER, active=0, waiting=0, resetting=0)
    assert row["discarded"]["reload"] > 0, row


def test_authorities_renewed_in_their_file_verify_every_connection_anew(lab: Lab, dovecot: Dovecot, authority: Authority):
    trusted = lab.directory("trusted") / "authorities.pem"
    trusted.write_text(authority.certificate.read_text())
    stranger = Authority(lab.directory("stranger")).certificate.read_text()
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", trusted)
    lent = pool.login(USER, PASSWORD)
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, active=1, idle=1)
    pool.reload()
    assert pool.wait_for(USER, active=1, idle=1)["discarded"]["reload"] == 0, "the file holds what it held"

    trusted.write_text(authority.certificate.read_text() + stranger)
    pool.reload()
    assert pool.wait_for(USER, active=1, idle=0)["discarded"]["reload"] == 1
    assert lent.expect("NOOP").ok, "who has borrowed is not disturbed"
    lent.logout()
    assert pool.wait_for(USER, active=0, resetting=0, idle=0)["discarded"]["reload"] == 2
    pool.login(USER, PASSWORD).logout()
    assert pool.wait_for(USER, idle=1)["created"] == 3

    trusted.write_text(stranger)
    pool.reload()
    with pool.session() as session:
        answer = session.try_login(USER, PASSWORD)
        assert answer.status == "NO" and "certificate" in answer.text, answer


def test_a_server_that_allows_fewer_connections_than_the_pool_takes_none_away(lab: Lab, imap_certificate: Certificate,
                                                                             authority: Authority):
    server = Dovecot(lab, imap_certificate, scheme="PLAIN", settings="protocol imap {\n  mail_max_userip_connections = 2\n}\n").start()
    pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority.certificate, pool_size=4, checkout_timeout="30s")
    lent = [pool.login(USER, PASSWORD), pool.login(USER, PASSWORD)]
    third = pool.session(timeout=40)
    tag = third.start(f"LOGIN {USER} {PASSWORD}")
    wait_until(lambda: pool.row(USER)["last_error"], 10, "the server said that it is enough")
    assert all(session.expect("NOOP").ok for session in lent)
    lent[0].logout()
    assert third.finish(tag).ok
    third.logout()
    lent[1].logout()
    row = pool.wait_for(USER, active=0, resetting=0, login=0, idle=2)
    assert row["created"] == 2 and row["logins_refused"] == 0 and row["discarded"]["cred_changed"] == 0, row
