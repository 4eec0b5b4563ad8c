"""T1 to T15: what a pool of IMAP connections can get wrong, each against mailpoold with Dovecot behind it (lab/imap_cases.py)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.certificates import Authority, Certificate
from lab.dovecot import Dovecot
from lab.imap_cases import CASES, PROFILE_OF, PROFILES, Front, sentence, users
from lab.imap_pool import ImapPool
from lab.process import Lab


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    lab = Lab(Path("/srv/imap-cases"))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def server(module_lab: Lab, imap_certificate: Certificate) -> Dovecot:
    return Dovecot(module_lab, imap_certificate, users=users(), scheme="PLAIN").start()


@pytest.fixture(scope="module")
def pool(module_lab: Lab, server: Dovecot, authority: Authority) -> ImapPool:
    return ImapPool(module_lab, f"127.0.0.1:{server.port}", authority.certificate, pool_size=4, checkout_timeout="8s",
                    profiles=PROFILES)


@pytest.mark.parametrize("number", sorted(CASES, key=lambda number: int(number[1:])))
def test_case(number: str, pool: ImapPool, server: Dovecot):
    user, profile = number.lower(), PROFILE_OF.get(number, "bounces")

    def settle() -> None:
        pool.wait_for(user, profile, active=0, resetting=0, waiting=0)
    front = Front(lambda: pool.session(profile), server, settle, pool_size=4)
    problem = CASES[number](front, user)
    assert problem is None, f"{sentence(CASES[number])}: {problem}\n{pool.manager.log()[-3000:]}"
