"""An IMAP server that repeats the login it refuses brings the password into no log, no status and no answer, however it spells it."""

import base64
from collections.abc import Callable

import pytest

from lab.fakeimap import Command, FakeImap, Session
from lab.imap_pool import ImapPool
from lab.process import Lab, wait_until

USER, SECRET = "anna", "Correct-Horse-Battery-Staple"
PLAIN = base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode()

SPELLINGS: dict[str, Callable[[Command], str]] = {
    "the whole command": lambda command: command.octets.decode().replace("\r\n", " "),
    "the secret": lambda command: SECRET,
    "in quotes": lambda command: f'"{SECRET}"',
    "in capitals": lambda command: SECRET.upper(),
    "in small letters": lambda command: SECRET.lower(),
    "as base64": lambda command: PLAIN,
    "as base64 of the secret alone": lambda command: base64.b64encode(SECRET.encode()).decode(),
    "as base64 without its end": lambda command: PLAIN[:-5],
    "as base64 in two pieces": lambda command: f"{PLAIN[:20]} {PLAIN[20:]}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mechanism", ["LOGIN", "AUTHENTICATE"])
def test_a_login_that_is_repeated_is_told_to_nobody(lab: Lab, mechanism: str, spelling: str):
    def refuse(session: Session, command: Command) -> None:
        session.answer(command, f"NO [AUTHENTICATIONFAILED] who is {SPELLINGS[spelling](command)}?")
    offers = "IMAP4rev1 SASL-IR" + (" AUTH=PLAIN" if mechanism == "AUTHENTICATE" else "")
    fake = FakeImap(lab, before_login=offers, hooks={"LOGIN": refuse, "AUTHENTICATE": refuse})
    pool = ImapPool(lab, fake.address, tls="none")
    with pool.session() as program:
        answer = program.try_login(USER, SECRET)
    assert not answer.ok
    wait_until(lambda: pool.row(USER)["last_error"], 10, "the refusal is known")
    assert fake.sessions[0].commands[-1].name in (mechanism, "LOGOUT")
    told = " ".join([pool.manager.log(), pool.manager.poolctl("imap").stdout, pool.manager.poolctl("--json", "imap").stdout,
                     pool.manager.poolctl("--json", "status").stdout, str(answer)])
    assert "who is" in told, "the rest of the refusal is told"
    squeezed = "".join(told.split()).lower()
    for octets in (SECRET, PLAIN[8:28], PLAIN[-24:-8], base64.b64encode(SECRET.encode()).decode()[:20]):
        assert octets.lower() not in squeezed, f"{octets} in {told}"
