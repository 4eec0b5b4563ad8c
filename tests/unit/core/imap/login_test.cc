// The two logins: a client's with the pool, and the pool's with a server.

#include <boost/test/unit_test.hpp>

#include "core/base/base64.h"
#include "core/imap/client_login.h"
#include "core/imap/sasl_reader.h"
#include "core/imap/upstream_login.h"
#include "core/imap/verifier.h"
#include "fakes/contains.h"

using namespace mailpool;
using namespace mailpool::imap;

namespace {

class FixedEntropy final : public Entropy {
 public:
  explicit FixedEntropy(std::uint8_t seed = 0) : next_(seed) {}
  void fill(std::span<std::uint8_t> octets) override {
    for (auto& octet : octets) octet = next_++;
  }

 private:
  std::uint8_t next_;
};

std::string take(Outbox& from) {
  std::string text(from.unsent());
  from.taken(text.size());
  return text;
}

struct ClientSide {
  Outbox out;
  ClientLogin login{out, {Capabilities("IMAP4rev1 IDLE COMPRESS=DEFLATE STARTTLS"), std::nullopt}};
  std::string input;

  std::string says(std::string_view octets) {
    input += octets;
    input.erase(0, login.receive(input));
    return take(out);
  }
  std::string asks_for() {
    if (login.state() != ClientLogin::State::Asking) return "nothing";
    auto const request = login.take_request();
    return request.user + "/" + request.authzid + "/" + std::string(request.secret.reveal()) +
           (request.kind == SecretKind::Token ? "/token" : "");
  }
};

std::string asked(std::string_view octets) {
  ClientSide side;
  side.says(octets);
  return side.asks_for();
}

struct ServerSide {
  Outbox out;
  FixedEntropy entropy;
  UpstreamLogin login;

  explicit ServerSide(LoginRequest request, ImapTls tls = ImapTls::Implicit)
      : login(out, entropy, std::move(request), tls, "imap.example.com", 993) {}

  std::string says(std::string_view octets) {
    login.receive(octets);
    return take(out);
  }
};

LoginRequest password(std::string_view user, std::string_view secret, std::string authzid = {}) {
  return {std::string(user), std::move(authzid), SecretKind::Password, Secret(secret)};
}

std::string tag_of(std::string const& line) {
  return line.substr(0, line.find(' '));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(login)

BOOST_AUTO_TEST_CASE(every_spelling_of_a_login_is_the_same_login) {
  auto const plain = to_base64(std::string_view("\0u\0pw", 5));
  for (auto const& spelling :
       {std::string("a LOGIN u pw\r\n"), std::string("a login \"u\" \"pw\"\r\n"),
        std::string("a LOGIN {1}\r\nu {2}\r\npw\r\n"),
        std::string("a LOGIN {1+}\r\nu {2+}\r\npw\r\n"), std::string("a LOGIN u {2+}\r\npw\r\n"),
        "a AUTHENTICATE PLAIN " + plain + "\r\n", "a authenticate plain\r\n" + plain + "\r\n",
        "a AUTHENTICATE LOGIN\r\n" + to_base64("u") + "\r\n" + to_base64("pw") + "\r\n",
        "a AUTHENTICATE LOGIN " + to_base64("u") + "\r\n" + to_base64("pw") + "\r\n"})
    BOOST_TEST(asked(spelling) == "u//pw", spelling);
  BOOST_TEST(asked("a AUTHENTICATE PLAIN " + to_base64(std::string_view("u\0u\0pw", 6)) + "\r\n") ==
             "u//pw");
  BOOST_TEST(asked("a AUTHENTICATE PLAIN " + to_base64(std::string_view("z\0u\0pw", 6)) + "\r\n") ==
             "u/z/pw");
  BOOST_TEST(asked("a LOGIN u \"\"\r\n") == "u//");
}

BOOST_AUTO_TEST_CASE(tokens_come_in_two_dialects) {
  auto const xoauth2 = to_base64("user=u@x\1auth=Bearer tok\1\1");
  auto const bearer = to_base64("n,a=u@x,\1host=h\1port=143\1auth=Bearer tok\1\1");
  BOOST_TEST(asked("a AUTHENTICATE XOAUTH2 " + xoauth2 + "\r\n") == "u@x//tok/token");
  BOOST_TEST(asked("a AUTHENTICATE XOAUTH2\r\n" + xoauth2 + "\r\n") == "u@x//tok/token");
  BOOST_TEST(asked("a AUTHENTICATE OAUTHBEARER " + bearer + "\r\n") == "u@x//tok/token");
  BOOST_TEST(!read_oauthbearer("n,,\1auth=Bearer t\1\1").has_value());
  BOOST_TEST(!read_xoauth2("user=u\1auth=Basic t\1\1").has_value());
  BOOST_TEST(read_oauthbearer("n,a=a=2Cb=3D,\1auth=Bearer t\1\1")->user == "a,b=");
}

BOOST_AUTO_TEST_CASE(the_greeting_shows_what_the_server_can_after_login_and_the_logins) {
  ClientSide side;
  side.login.greet();
  auto const greeting = take(side.out);
  BOOST_TEST(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 IDLE SASL-IR AUTH=PLAIN"));
  BOOST_TEST(!contains(greeting, "COMPRESS"));
  BOOST_TEST(!contains(greeting, "STARTTLS"));
  BOOST_TEST(contains(side.says("a CAPABILITY\r\n"), "AUTH=XOAUTH2"));
}

BOOST_AUTO_TEST_CASE(before_its_login_a_client_can_do_no_more_than_log_in) {
  ClientSide side;
  BOOST_TEST(side.says("a NOOP\r\n") == "a OK NOOP completed\r\n");
  BOOST_TEST(contains(side.says("b ID NIL\r\n"), "b OK"));
  BOOST_TEST(contains(side.says("c STARTTLS\r\n"), "c BAD"));
  BOOST_TEST(side.says("d SELECT x\r\n") == "d BAD Log in first\r\n");
  BOOST_TEST(contains(side.says("e AUTHENTICATE GSSAPI\r\n"), "e NO"));
  BOOST_TEST(contains(side.says("f AUTHENTICATE PLAIN\r\n*\r\n"), "f BAD"));
  BOOST_TEST(contains(side.says("g LOGOUT\r\n"), "* BYE"));
  BOOST_TEST((side.login.state() == ClientLogin::State::Over));
}

BOOST_AUTO_TEST_CASE(what_follows_a_login_is_kept_for_later) {
  ClientSide side;
  side.says("a LOGIN u pw\r\nb ENABLE CONDSTORE\r\n");
  BOOST_TEST(side.input == "b ENABLE CONDSTORE\r\n");
  side.login.accept(Capabilities("IMAP4rev1 ENABLE"));
  BOOST_TEST(take(side.out) == "a OK [CAPABILITY IMAP4rev1 ENABLE] Logged in\r\n");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_passed_on_as_it_is_and_another_login_may_follow) {
  ClientSide side;
  side.says("a LOGIN u pw\r\n");
  (void)side.login.take_request();
  side.login.refuse("[AUTHENTICATIONFAILED] Authentication failed.");
  BOOST_TEST(take(side.out) == "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n");
  side.says("b LOGIN u other\r\n");
  BOOST_TEST(side.asks_for() == "u//other");
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_told_by_a_challenge_first) {
  ClientSide side;
  side.says("a AUTHENTICATE XOAUTH2 " + to_base64("user=u\1auth=Bearer t\1\1") + "\r\n");
  (void)side.login.take_request();
  side.login.refuse("[AUTHENTICATIONFAILED] expired");
  BOOST_TEST(take(side.out).starts_with("+ "));
  BOOST_TEST(side.says("\r\n") == "a NO [AUTHENTICATIONFAILED] expired\r\n");
}

BOOST_AUTO_TEST_CASE(hostile_logins_are_bounded) {
  ClientSide literal;
  BOOST_TEST(contains(literal.says("a LOGIN {16385}\r\n"), "* BYE"));
  ClientSide huge;
  BOOST_TEST(contains(huge.says("a LOGIN u {4294967295+}\r\n"), "* BYE"));
  ClientSide line;
  BOOST_TEST(contains(line.says(std::string(40'000, 'x')), "* BYE"));
  ClientSide nul;
  nul.says("a LOGIN {3+}\r\n");
  BOOST_TEST(contains(nul.says(std::string_view("u\0x {1+}\r\np\r\n", 13)), "NO"));
  ClientSide injected;
  BOOST_TEST(contains(injected.says("a LOGIN u {8+}\r\np\r\nb X\r\n\r\n"), "NO"));
  ClientSide guesses;
  std::string last;
  for (unsigned i = 0; i < ClientLogin::most_failures; ++i) last = guesses.says("a FROB\r\n");
  BOOST_TEST(contains(last, "* BYE"));
}

BOOST_AUTO_TEST_CASE(plain_is_said_in_one_line_where_the_server_takes_that) {
  ServerSide side(password("u", "pw"));
  auto const line = side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN] hi\r\n");
  BOOST_TEST(contains(line, " AUTHENTICATE PLAIN " + to_base64(std::string_view("\0u\0pw", 5))));
  side.says(tag_of(line) + " OK [CAPABILITY IMAP4rev1 UNSELECT] welcome\r\n");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::Done));
  BOOST_TEST(side.login.capabilities().has("UNSELECT"));
}

BOOST_AUTO_TEST_CASE(the_server_is_asked_for_what_it_does_not_say) {
  ServerSide side(password("u", "pw"));
  auto line = side.says("* OK hi\r\n");
  BOOST_TEST(contains(line, " CAPABILITY\r\n"));
  line = side.says("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST(line.ends_with(" AUTHENTICATE PLAIN\r\n"));
  auto const secret = side.says("+ \r\n");
  BOOST_TEST(secret == to_base64(std::string_view("\0u\0pw", 5)) + "\r\n");
  line = side.says(tag_of(line) + " OK welcome\r\n");
  BOOST_TEST(contains(line, " CAPABILITY\r\n"));
  line = side.says("* CAPABILITY IMAP4rev1 ID\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST(contains(line, " ID ("));
  side.says("* ID NIL\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::Done));
}

BOOST_AUTO_TEST_CASE(a_list_of_capabilities_without_a_name_is_none) {
  ServerSide side(password("u", "pw"));
  auto line = side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n");
  line = side.says(tag_of(line) +
                   " OK [CAPABILITY IMAP4\x01"
                   "rev1] welcome\r\n");
  BOOST_TEST(contains(line, " CAPABILITY\r\n"));
  side.says("* CAPABILITY {} ()\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::Failed));
  BOOST_TEST(side.login.why() == "the server does not say what it can");
}

BOOST_AUTO_TEST_CASE(the_login_command_is_the_last_resort_and_cannot_be_injected_into) {
  ServerSide side(password("a b", "p\"w"));
  auto const line = side.says("* OK [CAPABILITY IMAP4rev1] hi\r\n");
  BOOST_TEST(line.substr(line.find(' ')) == " LOGIN \"a b\" \"p\\\"w\"\r\n");
  ServerSide eight_bit(password("\xc3\xa9", "p\r\nx LOGOUT"));
  auto said = eight_bit.says("* OK [CAPABILITY IMAP4rev1] hi\r\n");
  BOOST_TEST(said.ends_with(" LOGIN {2}\r\n"));
  said = eight_bit.says("+ go\r\n");
  BOOST_TEST(said == "\xc3\xa9 {11}\r\n");
  said = eight_bit.says("+ go\r\n");
  BOOST_TEST(said == "p\r\nx LOGOUT\r\n");
  ServerSide disabled(password("u", "pw"));
  BOOST_TEST(disabled.says("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n") == "");
  BOOST_TEST((disabled.login.state() == UpstreamLogin::State::NotOffered));
}

BOOST_AUTO_TEST_CASE(a_token_is_never_sent_as_a_password) {
  ServerSide side({"u", "", SecretKind::Token, Secret("tok")});
  BOOST_TEST(side.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN] hi\r\n") == "");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::NotOffered));
  ServerSide other({"u", "", SecretKind::Token, Secret("tok")});
  BOOST_TEST(contains(other.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n"),
                      " AUTHENTICATE XOAUTH2 "));
}

BOOST_AUTO_TEST_CASE(an_authorisation_identity_is_said_or_the_login_is_not_tried) {
  ServerSide side(password("u", "pw", "z"));
  BOOST_TEST(contains(side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"),
                      to_base64(std::string_view("z\0u\0pw", 6))));
  ServerSide without(password("u", "pw", "z"));
  BOOST_TEST(without.says("* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN] hi\r\n") == "");
  BOOST_TEST((without.login.state() == UpstreamLogin::State::NotOffered));
}

BOOST_AUTO_TEST_CASE(f71_a_server_that_says_preauth_gets_nothing) {
  for (auto tls : {ImapTls::Implicit, ImapTls::StartTls, ImapTls::None}) {
    ServerSide side(password("u", "pw"), tls);
    BOOST_TEST(side.says("* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n") == "");
    BOOST_TEST((side.login.state() == UpstreamLogin::State::Failed));
  }
}

BOOST_AUTO_TEST_CASE(nothing_of_the_login_is_said_before_tls_and_nothing_heard_before_it_counts) {
  ServerSide side(password("u", "pw"), ImapTls::StartTls);
  auto line = side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n");
  BOOST_TEST(line.ends_with(" STARTTLS\r\n"));
  side.says(tag_of(line) + " OK begin\r\n");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::WantsTls));
  side.login.tls_established();
  line = take(side.out);
  BOOST_TEST(contains(line, " CAPABILITY\r\n"));
  line = side.says("* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST(contains(line, "AUTHENTICATE LOGIN"));

  ServerSide injected(password("u", "pw"), ImapTls::StartTls);
  line = injected.says("* OK hi\r\n");
  injected.says(tag_of(line) + " OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
  BOOST_TEST((injected.login.state() == UpstreamLogin::State::Failed));

  ServerSide refused(password("u", "pw"), ImapTls::StartTls);
  line = refused.says("* OK hi\r\n");
  BOOST_TEST(refused.says(tag_of(line) + " NO later\r\n") == "");
  BOOST_TEST((refused.login.state() == UpstreamLogin::State::Failed));
}

BOOST_AUTO_TEST_CASE(on_another_users_connection_nothing_heard_before_counts) {
  ServerSide side(password("u", "pw"));
  side.login.unauthenticate();
  auto line = take(side.out);
  BOOST_TEST(line.ends_with(" UNAUTHENTICATE\r\n"));
  line = side.says("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* 1 EXISTS\r\n" + tag_of(line) +
                   " OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] done\r\n");
  BOOST_TEST(line.ends_with(" CAPABILITY\r\n"));
  line = side.says("* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n" + tag_of(line) + " OK done\r\n");
  BOOST_TEST(contains(line, "AUTHENTICATE LOGIN"));

  for (auto const* more : {"* CAPABILITY IMAP4rev1\r\n", "* ", "+ go on\r\n"}) {
    ServerSide talkative(password("u", "pw"));
    talkative.login.unauthenticate();
    line = take(talkative.out);
    talkative.says(tag_of(line) + " OK done\r\n" + more);
    BOOST_TEST((talkative.login.state() == UpstreamLogin::State::Failed), more);
  }
  for (auto const* said : {"x OK done\r\n", "* BYE\r\n", "* PREAUTH hi\r\n", "+ \r\n"}) {
    ServerSide odd(password("u", "pw"));
    odd.login.unauthenticate();
    odd.says(said);
    BOOST_TEST((odd.login.state() == UpstreamLogin::State::Failed), said);
  }
}

BOOST_AUTO_TEST_CASE(the_servers_no_is_kept_in_its_own_words) {
  ServerSide side(password("u", "pw"));
  auto const line = side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n");
  side.says(tag_of(line) + " NO [AUTHENTICATIONFAILED] Wrong, my friend.\r\n");
  BOOST_TEST((side.login.state() == UpstreamLogin::State::Refused));
  BOOST_TEST(side.login.refusal() == "[AUTHENTICATIONFAILED] Wrong, my friend.");
}

BOOST_AUTO_TEST_CASE(a_verifier_tells_logins_apart_by_everything_but_their_spelling) {
  FixedEntropy entropy;
  VerifierMaker const maker(entropy);
  auto const one = maker.of("p", password("u", "pw"));
  BOOST_TEST(is_same(one, &one));
  BOOST_TEST((one == maker.of("p", password("u", "pw"))));
  BOOST_TEST((one != maker.of("q", password("u", "pw"))));
  BOOST_TEST((one != maker.of("p", password("u", "px"))));
  BOOST_TEST((one != maker.of("p", password("u", "pw", "z"))));
  BOOST_TEST((one != maker.of("p", {"u", "", SecretKind::Token, Secret("pw")})));
  BOOST_TEST((maker.of("p", password("ab", "c")) != maker.of("p", password("a", "bc"))));
  BOOST_TEST(!is_same(one, nullptr));
  FixedEntropy other(100);
  BOOST_TEST((one != VerifierMaker(other).of("p", password("u", "pw"))));
}

BOOST_AUTO_TEST_CASE(a_certificate_says_who_it_is_and_the_login_whom_to_act_as) {
  ServerSide side({"anna", {}, SecretKind::External, {}});
  BOOST_TEST(
      contains(side.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=EXTERNAL AUTH=PLAIN] hi\r\n"),
               " AUTHENTICATE EXTERNAL " + to_base64("anna") + "\r\n"));
  ServerSide without({"anna", {}, SecretKind::External, {}});
  without.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n");
  BOOST_TEST((without.login.state() == UpstreamLogin::State::NotOffered));
  BOOST_TEST(contains(without.login.refusal(), "AUTH=EXTERNAL"));
}

BOOST_AUTO_TEST_SUITE_END()
