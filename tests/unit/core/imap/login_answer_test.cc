// What servers say when they refuse a login, and what it means: in their own words.

#include "core/imap/login_answer.h"

#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <iterator>
#include <ostream>
#include <string_view>

using mailpool::imap::LoginAnswer;
using mailpool::imap::read_login_answer;

namespace {

struct Row {
  char const* server;
  char const* text;
  LoginAnswer means;
};

std::ostream& operator<<(std::ostream& out, Row const& row) {
  return out << row.server << ": " << row.text;
}

Row const rows[] = {
    {"Gmail", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", LoginAnswer::WrongSecret},
    {"Gmail", "[ALERT] Too many simultaneous connections. (Failure)", LoginAnswer::NotNow},
    {"Gmail", "[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)",
     LoginAnswer::NotNow},
    {"Gmail", "[ALERT] Account exceeded command or bandwidth limits. (Failure)",
     LoginAnswer::NotNow},
    {"Gmail", "[THROTTLED] slow down", LoginAnswer::NotNow},
    {"Gmail", "[UNAVAILABLE] Temporary System Error (Failure)", LoginAnswer::NotNow},
    {"Gmail", "[ALERT] Application-specific password required: https://x (Failure)",
     LoginAnswer::WrongSecret},
    {"Gmail", "[ALERT] Please log in via your web browser: https://x (Failure)",
     LoginAnswer::Unclear},
    {"Gmail", "[WEBALERT https://x] Web login required.", LoginAnswer::Unclear},
    {"Microsoft 365", "LOGIN failed.", LoginAnswer::WrongSecret},
    {"Microsoft 365", "AUTHENTICATE failed.", LoginAnswer::WrongSecret},
    {"Microsoft 365", "User is authenticated but not connected.", LoginAnswer::NotNow},
    {"Microsoft 365", "Request is throttled. Suggested Backoff Time: 299961 milliseconds",
     LoginAnswer::NotNow},
    {"Exchange", "LOGIN failed.", LoginAnswer::WrongSecret},
    {"Exchange", "AUTHENTICATE failed.", LoginAnswer::WrongSecret},
    {"Exchange", "Server Unavailable. 15", LoginAnswer::NotNow},
    {"Yahoo", "[AUTHENTICATIONFAILED] LOGIN Invalid credentials", LoginAnswer::WrongSecret},
    {"Yahoo", "[LIMIT] LOGIN Rate limit hit", LoginAnswer::NotNow},
    {"Yahoo", "[UNAVAILABLE] LOGIN Server error - Please try again later", LoginAnswer::NotNow},
    {"Yahoo", "[INUSE] LOGIN Server error", LoginAnswer::NotNow},
    {"Yahoo", "Incorrect username or password. (#MBR1212)", LoginAnswer::WrongSecret},
    {"Yandex", "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled",
     LoginAnswer::WrongSecret},
    {"Yandex", "[UNAVAILABLE] LOGIN internal server error", LoginAnswer::NotNow},
    {"iCloud", "[AUTHENTICATIONFAILED] Authentication Failed", LoginAnswer::WrongSecret},
    {"iCloud", "[UNAVAILABLE] Service temporarily unavailable", LoginAnswer::NotNow},
    {"Dovecot", "[AUTHENTICATIONFAILED] Authentication failed.", LoginAnswer::WrongSecret},
    {"Dovecot", "Authentication failed.", LoginAnswer::WrongSecret},
    {"Dovecot", "[EXPIRED] Password expired.", LoginAnswer::WrongSecret},
    {"Dovecot", "[AUTHORIZATIONFAILED] Authorization failed", LoginAnswer::WrongSecret},
    {"Dovecot", "[UNAVAILABLE] Temporary authentication failure. [host:2026-01-01]",
     LoginAnswer::NotNow},
    {"Dovecot", "[UNAVAILABLE] Internal login failure. Refer to server log for more information.",
     LoginAnswer::NotNow},
    {"Dovecot",
     "[LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
     LoginAnswer::NotNow},
    {"Dovecot",
     "[ALERT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
     LoginAnswer::NotNow},
    {"Cyrus", "Login failed: authentication failure", LoginAnswer::WrongSecret},
    {"Cyrus", "Login failed: user not found", LoginAnswer::WrongSecret},
    {"Cyrus", "Login failed: generic failure", LoginAnswer::NotNow},
    {"Cyrus", "[LIMIT] Too many open connections for this user", LoginAnswer::NotNow},
    {"Cyrus", "Too many open connections for this user", LoginAnswer::NotNow},
    {"Courier", "Login failed.", LoginAnswer::WrongSecret},
    {"Courier", "LOGIN failed.", LoginAnswer::WrongSecret},
    {"Courier", "[ALERT] Maximum connection limit reached for ::1", LoginAnswer::NotNow},
    {"Courier", "Temporary problem, please try again later", LoginAnswer::NotNow},
    {"Zimbra", "LOGIN failed", LoginAnswer::WrongSecret},
    {"Zimbra", "account is in maintenance mode", LoginAnswer::NotNow},
    {"hMailServer", "Invalid user name or password.", LoginAnswer::WrongSecret},
    {"Mailu", "Authentication rate limit from one source exceeded", LoginAnswer::NotNow},
    {"", "Invalid username or password, please try again", LoginAnswer::WrongSecret},
    {"", "LOGIN failed, please try again later", LoginAnswer::NotNow},
    {"", "Incorrect password: too many attempts, try again later", LoginAnswer::NotNow},
    {"", "", LoginAnswer::Unclear},
    {"", "[", LoginAnswer::Unclear},
    {"", "[ALERT]", LoginAnswer::Unclear},
    {"", "no", LoginAnswer::Unclear},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(login_answer)

BOOST_DATA_TEST_CASE(a_refusal_in_the_words_of_a_server, boost::unit_test::data::make(rows), row) {
  BOOST_TEST((read_login_answer(row.text) == row.means));
}

BOOST_AUTO_TEST_CASE(of_each_of_these_servers_a_wrong_secret_and_a_limit_are_known) {
  for (std::string_view const server : {"Gmail", "Microsoft 365", "Yahoo", "iCloud", "Dovecot",
                                        "Cyrus", "Courier", "Exchange", "Zimbra"})
    for (auto const means : {LoginAnswer::WrongSecret, LoginAnswer::NotNow})
      BOOST_TEST(std::any_of(std::begin(rows), std::end(rows),
                             [&](Row const& r) { return r.server == server && r.means == means; }),
                 server);
}

BOOST_AUTO_TEST_SUITE_END()
