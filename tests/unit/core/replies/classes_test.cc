// The rules that ship, asked about replies as servers say them: kinds of words, and codes of
// providers.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "core/replies/load_rules.h"

using namespace mailpool::replies;

namespace {

Classifier const& shipped() {
  static Classifier const classifier = [] {
    std::ifstream file(std::string(MAILPOOL_SOURCE_DIR) + "/conf/replies.toml");
    std::ostringstream text;
    text << file.rdbuf();
    auto loaded = load_rules(text.str(), "replies.toml");
    for (auto const& mistake : loaded.mistakes) BOOST_ERROR(mistake.to_line());
    return Classifier(std::move(loaded.rules));
  }();
  return classifier;
}

struct Row {
  Stage stage;
  char const* line;
  ReplyClass is;
};

using C = ReplyClass;
constexpr Row rows[]{
    {Stage::Rcpt, "550 5.1.1 <u@example.com>: Recipient address rejected: User unknown",
     C::NoSuchUser},
    {Stage::Rcpt, "550 No such person at this address", C::NoSuchUser},
    {Stage::Rcpt, "550 5.4.1 Recipient address rejected: Access denied.", C::NoSuchUser},
    {Stage::EndOfData, "554 delivery error: dd This user doesn't have a example.com account",
     C::NoSuchUser},
    {Stage::Rcpt, "452 4.2.2 The recipient's inbox is out of storage space", C::MailboxFull},
    {Stage::EndOfData, "552 5.2.2 Over quota", C::MailboxFull},
    {Stage::Rcpt, "550 5.2.1 The account you tried to reach is disabled", C::MailboxDisabled},
    {Stage::Rcpt, "554 5.7.1 <u@example.com>: Relay access denied", C::RelayDenied},
    {Stage::Mail, "553 5.1.7 sender address is not a valid RFC 5321 address", C::BadAddressSyntax},
    {Stage::Rcpt, "556 5.1.10 Domain example.com does not accept mail (nullMX)", C::NoSuchDomain},
    {Stage::Rcpt, "450 4.1.8 <u@example.com>: Sender address rejected: Domain not found",
     C::NoSuchDomain},
    {Stage::Rcpt, "450 4.2.0 <u@example.com>: Recipient address rejected: Greylisted, see http",
     C::Greylisted},
    {Stage::Rcpt, "451 4.7.1 Greylisting in action, please come back later", C::Greylisted},
    {Stage::Mail,
     "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume",
     C::RateLimited},
    {Stage::EndOfData, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail",
     C::RateLimited},
    {Stage::Connect, "421 HL:IFC", C::RateLimited},
    {Stage::Connect, "421 Too many concurrent SMTP connections; please try again later",
     C::TooManyConnections},
    {Stage::Connect, "421 4.7.0 too many connections from your IP", C::TooManyConnections},
    {Stage::Rcpt, "452 4.5.3 Error: too many recipients", C::TooManyRecipients},
    {Stage::Mail, "421 Max message per connection reached, closing transmission channel",
     C::TooManyMessagesOnConnection},
    {Stage::Connect,
     "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
     C::IpBlocklisted},
    {Stage::Mail, "550 5.7.1 part of their network is on our block list (S3140)", C::IpBlocklisted},
    {Stage::Connect,
     "554 Your access to this mail system has been rejected due to the sending MTA's poor "
     "reputation",
     C::IpReputation},
    {Stage::Mail,
     "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP "
     "reputation",
     C::IpReputation},
    {Stage::EndOfData,
     "550 5.7.1 likely suspicious due to the very low reputation of the sending domain",
     C::DomainReputation},
    {Stage::EndOfData, "554 5.7.1 Message rejected as spam by content filter", C::ContentSpam},
    {Stage::EndOfData,
     "550 5.7.1 our system has detected that this message is likely unsolicited mail",
     C::ContentSpam},
    {Stage::EndOfData, "552 5.7.0 Our system detected an illegal attachment on your message",
     C::ContentVirusOrAttachment},
    {Stage::EndOfData, "554 5.7.1 Virus found: Eicar-Test-Signature", C::ContentVirusOrAttachment},
    {Stage::EndOfData, "554 5.7.1 blacklisted URL in message, see surbl.org", C::UrlBlocklisted},
    {Stage::EndOfData,
     "550 5.7.26 This mail has been blocked because the sender is unauthenticated", C::AuthPolicy},
    {Stage::EndOfData, "550 5.7.1 rejected by DMARC policy for example.com", C::AuthPolicy},
    {Stage::Rcpt, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
     C::ReverseDnsOrHelo},
    {Stage::Ehlo, "501 Invalid domain name", C::ReverseDnsOrHelo},
    {Stage::Mail, "530 5.7.0 Must issue a STARTTLS command first", C::TlsRequiredOrFailed},
    {Stage::Auth, "535 5.7.8 Username and Password not accepted", C::LoginRequiredOrFailed},
    {Stage::Mail, "530 5.7.0 Authentication required", C::LoginRequiredOrFailed},
    {Stage::Mail, "552 5.3.4 Message size exceeds fixed limit", C::MessageTooBig},
    {Stage::EndOfData, "550 5.7.1 This message is not RFC 5322 compliant", C::ProtocolError},
    {Stage::Any, "503 5.5.1 Bad sequence of commands", C::ProtocolError},
    {Stage::Connect, "421 4.3.2 Service shutting down", C::ServerBusyOrShutdown},
    {Stage::EndOfData, "451 4.3.0 Error: queue file write error", C::ServerFault},
    {Stage::EndOfData, "554 5.4.6 Too many hops", C::ServerFault},
    {Stage::Rcpt, "554 5.7.1 blocked using zen.spamhaus.org; Error: open resolver", C::ServerFault},
    {Stage::Rcpt, "550 5.7.1 Recipient doesn't want your mail", C::PolicyOther},
    {Stage::EndOfData, "554 5.7.9 Message not accepted for policy reasons", C::PolicyOther},
    {Stage::Rcpt, "550 Hmm", C::Unknown},
    {Stage::Rcpt, "250 2.1.5 Ok", C::Unknown},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(classes)

BOOST_AUTO_TEST_CASE(replies_are_of_the_class_that_their_words_say) {
  for (auto const& row : rows) {
    auto const answer = shipped().classify(said_of(row.stage, row.line));
    BOOST_TEST(name_of(answer.is) == name_of(row.is),
               row.line << ": " << name_of(answer.is) << " by line "
                        << (answer.by != nullptr ? answer.by->line : 0));
  }
}

BOOST_AUTO_TEST_CASE(every_class_is_reached) {
  std::set<std::string_view> reached;
  for (auto const& row : rows) reached.insert(name_of(row.is));
  for (auto const& row : class_rows()) BOOST_TEST(reached.contains(row.name), row.name);
}

BOOST_AUTO_TEST_CASE(the_manual_has_each_class_with_its_advice) {
  std::ifstream file(std::string(MAILPOOL_SOURCE_DIR) + "/conf/manual/mailpool-replies.7");
  std::ostringstream page;
  page << file.rdbuf();
  for (auto const& row : class_rows()) {
    auto const entry = fmt::format(".It Cm {}\n{}, {}:\n{}.\n", row.name, name_of(row.hope),
                                   name_of(row.fault), row.advice);
    BOOST_TEST(page.str().find(entry) != std::string::npos, entry);
  }
}

BOOST_AUTO_TEST_CASE(what_we_said_ourselves_decides_nothing) {
  auto const* const line = "550 5.1.1 <dmarc-greylist-spam@virus.example>: user unknown";
  BOOST_TEST(name_of(shipped().classify(said_of(Stage::Rcpt, line)).is) == "no_such_user");
}

BOOST_AUTO_TEST_CASE(codes_alone_say_nothing_where_it_is_not_known_when_they_were_said) {
  BOOST_TEST(name_of(shipped().classify(said_of(Stage::Connect, "554 x")).is) == "ip_reputation");
  BOOST_TEST(name_of(shipped().classify(said_of(Stage::Any, "554 x")).is) == "unknown");
}

BOOST_AUTO_TEST_SUITE_END()
