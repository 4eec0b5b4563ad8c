"""The pool with Cyrus behind it: another server's words, and UNAUTHENTICATE where it is offered."""

from lab.certificates import Authority, Certificate
from lab.cyrus import Cyrus
from lab.imap import capabilities
from lab.imap_pool import ImapPool
from lab.isolation import Isolation, Plan, over_tls, over_unix, prepare
from lab.process import Lab


def test_cyrus_is_pooled_and_its_unauthenticate_kept_from_clients(lab: Lab, imap_certificate: Certificate, authority: Authority):
    server = Cyrus(lab, imap_certificate, admin="cyrus")
    pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority.certificate, pool_size=2)
    for _ in range(3):
        with pool.login("anna", "anna-secret") as session:
            assert "UNAUTHENTICATE" not in capabilities(session.expect("CAPABILITY").untagged)
            session.append("INBOX", b"Subject: x\r\n\r\nhi\r\n")
            session.expect("SELECT INBOX")
            session.logout()
        pool.wait_for("anna", active=0, resetting=0)
    assert pool.row("anna")["created"] == 1, "one login for three sessions"
    with pool.session() as session:
        assert session.try_login("anna", "wrong").status == "NO"


def test_a_changed_connection_of_a_cyrus_administrator_is_clean_again(lab: Lab, imap_certificate: Certificate, authority: Authority):
    """UNAUTHENTICATE takes ENABLE back; where it is not used, the connection must be a new one."""
    server = Cyrus(lab, imap_certificate, {"cyrus": "cyrus-secret"}, admin="cyrus")
    pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority.certificate, pool_size=2)
    with pool.login("cyrus", "cyrus-secret") as session:
        session.expect("CREATE shared")
        session.expect("SETACL shared cyrus lrswipkxtecda")
        session.append("shared", b"Subject: x\r\n\r\nhi\r\n")
        session.expect("ENABLE QRESYNC")
        session.logout()
    pool.wait_for("cyrus", active=0, resetting=0)
    with pool.login("cyrus", "cyrus-secret") as session:
        session.expect("SELECT shared")
        for sign in "-+":
            assert b"MODSEQ" not in session.expect(f"STORE 1 {sign}FLAGS (\\Flagged)").joined()


def test_nothing_of_a_killed_session_reaches_the_next_with_cyrus(lab: Lab, imap_certificate: Certificate, authority: Authority):
    users = {f"user{number}": f"secret of user{number}" for number in range(3)}
    server = Cyrus(lab, imap_certificate, dict(users))
    prepare(over_tls(server.port), users)
    pool = ImapPool(lab, f"127.0.0.1:{server.port}", authority.certificate, pool_size=3, checkout_timeout="30s")
    result = Isolation(Plan(over_unix(pool.socket()), sessions=250, users=users)).run()
    assert result.leaks() == 0, f"{result.summary()}\n" + "\n".join(map(str, result.findings[:20]))
    assert result.refused == 0
