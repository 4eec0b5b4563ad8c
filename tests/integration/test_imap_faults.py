"""Servers that break, lie and hang behind the IMAP pool: F70 to F78, and more. No client waits longer than it must, none gets another's."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from lab.certificates import Authority
from lab.dovecot import Dovecot
from lab.fakeimap import BlackHole, Command, FakeImap, Session
from lab.imap import Imap, ImapError, capabilities
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER, PASSWORD = "anna", "anna-secret"


@pytest.fixture
def start(lab: Lab, fake: FakeImap) -> Callable[..., ImapPool]:
    return lambda **over: ImapPool(lab, fake.address, tls="none", **over)


def put_away(pool: ImapPool, user: str = USER) -> None:
    """One session, and its connection idle in the pool."""
    pool.login(user, f"{user}-secret").logout()
    pool.wait_for(user, idle=1, active=0, resetting=0)


def is_well(pool: ImapPool, fake: FakeImap, user: str = USER) -> None:
    """A session that gets its own answers and nothing else."""
    with pool.login(user, f"{user}-secret") as session:
        session.expect("SELECT INBOX")
        answer = session.expect("FETCH 1 BODY[]")
        assert answer.untagged == [b"* 1 FETCH (BODY[] {%d}\r\nwatermark of %s in INBOX)" % (len(f"watermark of {user} in INBOX"),
                                                                                           user.encode())]
        session.logout()


# --- F70 to F78

def test_f70_another_users_password_opens_nothing_of_a_cached_session(fake: FakeImap, start):
    pool = start()
    put_away(pool)
    with pool.session() as session:
        assert not session.try_login("anna", "bert-secret").ok
        assert session.command("SELECT INBOX").status == "BAD", "and it is not logged in"
    wait_until(lambda: len(fake.open()) == 1, 10, "the connection of the guess is gone, the other one is not")


def test_f71_a_server_that_greets_with_preauth_is_not_believed(fake: FakeImap, start):
    """Who that connection belongs to is not known, and nobody asked."""
    fake.greeting = b"* PREAUTH [CAPABILITY IMAP4rev1] welcome, whoever you are\r\n"
    pool = start(checkout_timeout="2s")
    with pool.session() as session:
        answer = session.try_login(USER, PASSWORD)
        assert not answer.ok, answer
    assert not any(command.name in ("LOGIN", "AUTHENTICATE") for seen in fake.sessions for command in seen.commands)


def test_f71_preauth_before_starttls_gets_no_password(fake: FakeImap, lab: Lab):
    fake.greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] come in\r\n"
    pool = ImapPool(lab, fake.address, tls="starttls", checkout_timeout="2s")
    with pool.session() as session:
        assert not session.try_login(USER, PASSWORD).ok
    assert b"secret" not in b"".join(bytes(seen.received) for seen in fake.sessions)


def test_f71_words_injected_before_starttls_are_thrown_away_with_the_connection(fake: FakeImap, lab: Lab):
    fake.before_login = "IMAP4rev1 STARTTLS"
    fake.hooks["STARTTLS"] = lambda session, command: session.say(command.tag + b" OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
    pool = ImapPool(lab, fake.address, tls="starttls", checkout_timeout="2s")
    with pool.session() as session:
        assert not session.try_login(USER, PASSWORD).ok
    assert b"secret" not in b"".join(bytes(seen.received) for seen in fake.sessions)


@pytest.mark.parametrize("server", ["no STARTTLS", "STARTTLS refused"])
def test_a_server_without_starttls_gets_no_password(server: str, fake: FakeImap, lab: Lab):
    fake.before_login = "IMAP4rev1 AUTH=PLAIN" + ("" if server == "no STARTTLS" else " STARTTLS")
    fake.hooks["STARTTLS"] = lambda session, command: session.answer(command, "NO not today")
    pool = ImapPool(lab, fake.address, tls="starttls", checkout_timeout="2s")
    with pool.session() as session:
        assert not session.try_login(USER, PASSWORD).ok
    assert b"secret" not in b"".join(bytes(seen.received) for seen in fake.sessions)


@pytest.mark.parametrize("word", [b"* BYE idle for too long\r\n", b"* BYE\r\n", b"* bye [UNAVAILABLE] down\r\n"])
def test_f72_bye_while_idle_ends_the_connection_and_no_client_sees_it(word: bytes, fake: FakeImap, start):
    pool = start()
    put_away(pool)
    fake.sessions[0].say(word)
    pool.wait_for(USER, idle=0)
    assert pool.discarded(USER)["bye"] == 1
    is_well(pool, fake)
    assert len(fake.sessions) == 2


@pytest.mark.parametrize("end, reason", [("close", "eof"), ("reset", "eof")])
def test_an_idle_connection_that_the_server_ends_is_not_lent(end: str, reason: str, fake: FakeImap, start):
    pool = start()
    put_away(pool)
    getattr(fake.sessions[0], end)()
    pool.wait_for(USER, idle=0)
    assert pool.discarded(USER)[reason] == 1
    is_well(pool, fake)


@pytest.mark.parametrize("size", [4294967295, 18446744073709551615, 10**30])
def test_f73_a_literal_beyond_all_measure_costs_no_memory_and_the_client_is_told(size: int, fake: FakeImap, start):
    fake.hooks["FETCH"] = lambda session, command: session.say(b"* 1 FETCH (BODY[] {%d}\r\nonly this much" % size)
    pool = start()
    before = pool.manager.resident_kib()
    with pool.login(USER, PASSWORD, timeout=2) as session:
        session.expect("SELECT INBOX")
        session.start("FETCH 1 BODY[]")
        session.unread(0.5)
    wait_until(lambda: not fake.open(), 10, "what is unfinished is not kept")
    assert pool.manager.resident_kib() - before < 20000
    fake.hooks.clear()
    is_well(pool, fake)


def test_f73_a_clients_literal_beyond_all_measure_is_refused(fake: FakeImap, start):
    pool = start()
    with pool.session() as session:
        session.send(b"a LOGIN {4294967295}\r\n")
        assert not session.unread(2, b"\r\n").startswith(b"+")
    with pool.login(USER, PASSWORD) as session:
        session.send(b"a NOOP {4294967295+}\r\n" + b"x" * 100)
        session.unread(0.3)
    pool.wait_for(USER, active=0, resetting=0)
    is_well(pool, fake)


def test_f74_a_tag_that_is_used_twice_at_once_confuses_nobody(fake: FakeImap, start):
    pool = start()
    with pool.login(USER, PASSWORD, timeout=3) as session:
        session.send(b"t NOOP\r\nt SELECT INBOX\r\nt FETCH 1 BODY[]\r\nu NOOP\r\n")
        said = session.unread(2, b"u OK")
    assert said, "it is answered, or told why not"
    pool.wait_for(USER, active=0, resetting=0)
    is_well(pool, fake)


def test_f74_a_client_that_guesses_at_the_managers_own_tags_gains_nothing(fake: FakeImap, start):
    """The barrier's tag is unguessable: what a client sends as one is the client's."""
    pool = start()
    put_away(pool)
    fake.sessions[0].commands[:] = []
    put_away(pool)
    tags = {command.tag for command in fake.sessions[0].commands if command.name in ("NOOP", "UNSELECT")}
    put_away(pool)
    more = {command.tag for command in fake.sessions[0].commands if command.name in ("NOOP", "UNSELECT")} - tags
    assert more, "each return has a barrier with a tag of its own"
    assert all(len(tag) >= 10 for tag in tags | more)


def test_a_response_to_a_tag_that_nobody_used_ends_the_connection(fake: FakeImap, start):
    fake.hooks["NOOP"] = lambda session, command: session.say(b"zz99 OK whose is this\r\n") or True
    pool = start()
    with pool.login(USER, PASSWORD, timeout=3) as session:
        session.start("NOOP")
        said = session.unread(1)
        assert b"zz99" not in said, "foreign tags reach nobody"
    pool.wait_for(USER, active=0, resetting=0, idle=0)
    assert pool.discarded(USER)["desync"] == 1
    fake.hooks.clear()
    is_well(pool, fake)


def test_f75_what_a_server_says_unasked_during_the_return_reaches_nobody(fake: FakeImap, start):
    def unselect(session: Session, command: Command) -> bool:
        session.say(b"* 17 EXISTS\r\n* 3 EXPUNGE\r\n* OK [ALERT] of the session before\r\n")
        return True
    fake.hooks["UNSELECT"] = unselect
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        session.logout()
    pool.wait_for(USER, idle=1)
    fake.sessions[0].say(b"* 18 EXISTS\r\n")  # and once more while it is idle
    time.sleep(0.1)
    with pool.login(USER, PASSWORD) as session:
        assert session.expect("NOOP").untagged == []
        assert session.unread(0.1) == b""


def test_f76_a_client_that_drops_inside_a_literal_leaves_no_octet_to_the_next(fake: FakeImap, start):
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        session.start("APPEND INBOX {100}")
        session.wait_for_continuation()
        session.send(b"half of it")
    pool.wait_for(USER, active=0, resetting=0, idle=0)
    assert pool.discarded(USER)["open_literal"] == 1
    is_well(pool, fake)
    assert b"NOOP" not in bytes(fake.sessions[0].received).split(b"half of it")[1], "nothing was put into the literal"


def test_f76_a_client_that_drops_inside_idle_gives_a_clean_connection_back(fake: FakeImap, start):
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        session.start("IDLE")
        session.wait_for_continuation()
    pool.wait_for(USER, active=0, resetting=0, idle=1)
    assert b"DONE\r\n" in bytes(fake.sessions[0].received)
    is_well(pool, fake)
    assert len(fake.sessions) == 1


def test_f76_a_client_that_drops_before_the_continuation_of_idle_gives_a_clean_connection_back(fake: FakeImap, start):
    asked, may_go_on = threading.Event(), threading.Event()

    def idle(session: Session, command: Command) -> bool:
        asked.set()
        may_go_on.wait(5)
        return True
    fake.hooks["IDLE"] = idle
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        session.start("IDLE")
        assert asked.wait(5)
    pool.wait_for(USER, active=0)
    assert b"DONE" not in bytes(fake.sessions[0].received), "DONE before the continuation would be a command"
    may_go_on.set()
    pool.wait_for(USER, resetting=0, idle=1)
    is_well(pool, fake)


def test_f77_a_list_that_changes_after_login_is_the_one_that_clients_see(fake: FakeImap, start):
    pool = start()
    put_away(pool)
    fake.after_login = "IMAP4rev1 IDLE UNSELECT X-NEW"
    pool.manager.poolctl("imap", "flush", USER)
    with pool.login(USER, PASSWORD) as session:
        assert "X-NEW" in capabilities(session.expect("CAPABILITY").untagged)
        session.logout()
    with pool.session() as session:
        assert "X-NEW" in capabilities([session.greeting])


def test_f77_a_server_without_unselect_is_left_by_an_examine_that_fails(fake: FakeImap, start):
    fake.after_login = "IMAP4rev1 IDLE"
    fake.hooks["UNSELECT"] = lambda session, command: session.answer(command, "BAD no such command")
    def examine(session: Session, command: Command) -> bool | None:
        if b"INBOX" not in command.arguments:
            session.selected = None
            session.answer(command, "NO no such mailbox")
            return None
        return True
    fake.hooks["EXAMINE"] = examine
    pool = start()
    is_well(pool, fake)
    pool.wait_for(USER, active=0, resetting=0)
    is_well(pool, fake)
    names = [command.name for seen in fake.sessions for command in seen.commands]
    assert "CLOSE" not in names, "CLOSE expunges"
    assert len(fake.sessions) == 1, "the connection was given back all the same"


def test_f78_an_answer_under_way_at_the_kill_reaches_nobody(fake: FakeImap, start):
    asked, may_go_on = threading.Event(), threading.Event()

    def append(session: Session, command: Command) -> None:
        asked.set()
        may_go_on.wait(5)
        session.answer(command, "OK [APPENDUID 1 4711] it was of the session before")
    fake.hooks["APPEND"] = append
    pool = start(pool_size=1)
    with pool.login(USER, PASSWORD) as session:
        session.start(b"APPEND INBOX {5+}\r\nhello")
        assert asked.wait(5)
    second = pool.session()
    tag = second.start(f"LOGIN {USER} {PASSWORD}")
    time.sleep(0.1)
    may_go_on.set()
    assert second.finish(tag).ok
    assert second.expect("NOOP").untagged == []
    assert b"4711" not in second.unread(0.1)


# --- reset: refused, never answered, too much

@pytest.mark.parametrize("answer", ["NO not now", "BAD what", "NO [UNAVAILABLE] gone"])
def test_a_return_that_the_server_refuses_discards_the_connection(answer: str, fake: FakeImap, start):
    fake.hooks["UNSELECT"] = lambda session, command: session.answer(command, answer)
    pool = start()
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        session.logout()
    pool.wait_for(USER, active=0, resetting=0, idle=0)
    assert pool.discarded(USER)["reset_refused"] == 1
    fake.hooks.clear()
    is_well(pool, fake)


def test_a_return_that_takes_too_long_discards_the_connection(fake: FakeImap, start):
    fake.hooks["UNSELECT"] = lambda session, command: session.hang()
    pool = start(reset_timeout="300ms")
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        session.logout()
    pool.wait_for(USER, active=0, resetting=0, idle=0)
    assert pool.discarded(USER)["reset_timeout"] == 1


def test_a_connection_that_still_has_much_to_say_is_discarded(fake: FakeImap, start):
    def fetch(session: Session, command: Command) -> None:
        session.say(b"* 1 FETCH (BODY[] {10000000}\r\n" + b"x" * 10000000 + b")\r\n")
        session.answer(command)
    fake.hooks["FETCH"] = fetch
    pool = start(reset_max_bytes="64KiB")
    with pool.login(USER, PASSWORD) as session:
        session.expect("SELECT INBOX")
        session.start("FETCH 1 BODY[]")
        session.read_exactly(1000)
    pool.wait_for(USER, active=0, resetting=0, idle=0)
    assert pool.discarded(USER)["reset_max_bytes"] == 1


@pytest.mark.parametrize("words", [b"\x00\x01\x02\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"* \r\n" * 3, b"x" * 300000],
                         ids=["octets", "HTTP", "nothing", "endless"])
def test_what_is_not_imap_ends_the_connection(words: bytes, fake: FakeImap, start):
    pool = start()
    put_away(pool)
    fake.sessions[0].say(words)
    pool.wait_for(USER, idle=0)
    is_well(pool, fake)


# --- servers that hang, restart, cannot be reached

def test_a_hung_server_costs_a_client_no_more_than_its_deadline(lab: Lab, dovecot: Dovecot, authority: Authority):
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, check_after="0s", check_timeout="500ms",
                    checkout_timeout="2s", connect_timeout="1s")
    pool.login(USER, PASSWORD).logout()
    pool.wait_for(USER, idle=1)
    time.sleep(0.3)  # what was heard of a moment ago needs no proof
    dovecot.hang()
    with pool.session() as session:
        answer = session.try_login(USER, PASSWORD)
    assert answer.status == "NO" and "UNAVAILABLE" in answer.text, answer
    dovecot.go_on()

    def works() -> bool:
        with pool.session() as session:
            return session.try_login(USER, PASSWORD).ok
    wait_until(works, 20, "it works again once the server does", interval=0.2)
    assert pool.discarded(USER)["check_failed"] >= 1


def test_a_server_that_restarts_under_load_costs_only_the_sessions_of_that_moment(lab: Lab, dovecot: Dovecot, authority: Authority):
    pool = ImapPool(lab, f"127.0.0.1:{dovecot.port}", authority.certificate, pool_size=4, checkout_timeout="15s")
    dovecot.put(USER, b"Subject: x\r\n\r\nwatermark of anna\r\n")
    stop, done, broken = threading.Event(), [], []

    def job() -> None:
        while not stop.is_set():
            try:
                with pool.session(timeout=20) as session:
                    session.login(USER, PASSWORD)
                    session.expect("SELECT INBOX")
                    assert b"watermark of anna" in session.expect("FETCH 1 BODY.PEEK[]").joined()
                    session.logout()
                done.append(time.monotonic())
            except (ImapError, OSError) as trouble:
                broken.append((time.monotonic(), str(trouble)))
                time.sleep(0.05)
    workers = [threading.Thread(target=job) for _ in range(8)]
    for worker in workers:
        worker.start()
    wait_until(lambda: len(done) > 50, 20, "sessions are served")
    stopped = time.monotonic()
    dovecot.stop()
    dovecot.start()
    restarted = time.monotonic()
    wait_until(lambda: any(moment > restarted + 0.2 for moment in done), 25, f"sessions are served again: {broken[-3:]}")
    count = len(done)
    wait_until(lambda: len(done) > count + 50, 20, "and go on")
    stop.set()
    for worker in workers:
        worker.join(30)
    assert not [trouble for moment, trouble in broken if moment < stopped], "none before"
    late = [trouble for moment, trouble in broken if moment > restarted + 16]
    assert not late, late
    pool.wait_for(USER, active=0, waiting=0, resetting=0)


def test_a_server_that_is_away_is_told_at_once_after_the_first_failure(fake: FakeImap, start):
    """Nobody waits for checkout_timeout where the last attempt has just failed."""
    fake.stop_listening()
    pool = start(checkout_timeout="5m")
    for _ in range(2):
        with pool.session() as session:  # which would give up after 20 s
            answer = session.try_login(USER, PASSWORD)
        assert answer.status == "NO" and "UNAVAILABLE" in answer.text
    fake.listen()

    def works() -> bool:
        with pool.session() as session:
            return session.try_login(USER, PASSWORD).ok
    wait_until(works, 20, "a login works again", interval=0.2)


def test_the_next_server_of_a_profile_is_tried_where_the_first_refuses(lab: Lab, fake: FakeImap):
    away = FakeImap(lab)
    away.stop_listening()
    pool = ImapPool(lab, away.address, tls="none", server=[away.address, fake.address])
    is_well(pool, fake)


def test_a_black_holed_server_beside_a_healthy_one_delays_nobody(lab: Lab, fake: FakeImap):
    """All logins of the healthy one are done while those of the other still wait. (How quick they are: tools/bench.)"""
    hole = BlackHole(lab)
    pool = ImapPool(lab, fake.address, tls="none", profiles={
        "hole": {"server": [hole.address], "connect_timeout": "5m", "checkout_timeout": "5m"}})
    put_away(pool)
    waiting = [pool.session("hole") for _ in range(50)]
    for session in waiting:
        session.start(f"LOGIN {USER} {PASSWORD}")
    for _ in range(50):
        with pool.session() as session:
            session.login(USER, PASSWORD)
            session.logout()
    assert not any(session.unread(0.01) for session in waiting)
    for session in waiting:
        session.close()



def test_ten_thousand_octets_one_by_one_are_the_same_conversation(fake: FakeImap, start):
    """Slow clients hold up nobody else, and every cut is the same to the parser."""
    pool = start()
    put_away(pool)
    with pool.session() as slow:
        for octet in b'a LOGIN {4}\r\n':
            slow.send(bytes([octet]))
        slow.wait_for_continuation()
        with pool.login(USER, PASSWORD) as quick:
            quick.expect("NOOP")
        for octet in b'anna "anna-secret"\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\nd LOGOUT\r\n':
            slow.send(bytes([octet]))
        assert slow.finish(b"a").ok and slow.finish(b"b").ok
        assert b"watermark of anna" in slow.finish(b"c").joined()
        assert slow.finish(b"d").ok


def test_idle_clients_of_the_socket_are_bounded(fake: FakeImap, start):
    pool = start(max_clients=5)
    held = []
    for _ in range(5):
        held.append(pool.session())
    with socket.socket(socket.AF_UNIX) as sixth:
        sixth.settimeout(0.5)
        sixth.connect(str(pool.socket()))
        try:
            said = sixth.recv(1000)
        except TimeoutError:
            said = b""
        assert not said.startswith(b"* OK"), said
    held.pop().close()
    wait_until(lambda: can_greet(pool), 5, "there is room again")
    for session in held:
        session.close()


def can_greet(pool: ImapPool) -> bool:
    try:
        with pool.session(timeout=1) as session:
            return session.greeting.startswith(b"* OK")
    except (ImapError, OSError):
        return False
