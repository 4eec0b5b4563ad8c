#include "core/imap/login_answer.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/base/text.h"

namespace mailpool::imap {
namespace {

struct Row {
  std::string_view code;  ///< without brackets, in capitals
  LoginAnswer answer;
};

// RFC 5530 3, RFC 9051 7.1, and what Gmail, Yahoo and Dovecot have of their own.
constexpr std::array codes{
    Row{"AUTHENTICATIONFAILED", LoginAnswer::WrongSecret},
    Row{"AUTHORIZATIONFAILED", LoginAnswer::WrongSecret},
    Row{"EXPIRED", LoginAnswer::WrongSecret},
    Row{"LIMIT", LoginAnswer::NotNow},
    Row{"OVERQUOTA", LoginAnswer::NotNow},
    Row{"THROTTLED", LoginAnswer::NotNow},
    Row{"INUSE", LoginAnswer::NotNow},
    Row{"UNAVAILABLE", LoginAnswer::NotNow},
    Row{"SERVERBUG", LoginAnswer::NotNow},
    Row{"CONTACTADMIN", LoginAnswer::Unclear},
    Row{"PRIVACYREQUIRED", LoginAnswer::Unclear},
    Row{"WEBALERT", LoginAnswer::Unclear},
};

// In small letters. They are looked for before those of a wrong secret: "Login failed: too many
// connections" is a limit.
constexpr auto words_of_limits = std::to_array<std::string_view>({
    "too many",                         // Gmail, Cyrus, Exchange
    "simultaneous",                     // Gmail
    "concurrent",                       // Microsoft 365
    "number of connections",            // Dovecot
    "connection limit",                 // Courier
    "connections reached",              // Courier
    "exceeded",                         // Gmail (bandwidth), Mailu, Dovecot
    "bandwidth limit",                  // Gmail
    "rate limit",                       // Yahoo, Mailu
    "throttl",                          // Microsoft 365, Zimbra
    "backoff time",                     // Microsoft 365
    "overquota",                        // Gmail
    "temporar",                         // Dovecot, Courier, Gmail
    "unavailable",                      // Exchange, Yahoo, iCloud
    "not available",                    // Exchange
    "server busy",                      // Exchange
    "system error",                     // Gmail
    "server error",                     // Yahoo
    "internal",                         // Dovecot, Yandex
    "maintenance",                      // Zimbra
    "authenticated but not connected",  // Microsoft 365
    "generic failure",                  // Cyrus: saslauthd cannot be asked
    "lookup failed",                    // Gmail
    "in use",                           // UW, Yahoo
    "is locked",                        // UW: the mailbox
    "timed out",                        // Exchange, Dovecot proxies
    "timeout",
});

// Plain enough that "please try again" behind them is an invitation to type better.
constexpr auto plain_words_of_wrong_secrets = std::to_array<std::string_view>({
    "invalid credentials",  // Gmail, Yahoo, Yandex
    "bad credentials",
    "invalid user",    // Cyrus, hMailServer
    "invalid login",   // Cyrus
    "user not found",  // Cyrus
    "invalid password",
    "incorrect user",  // Yahoo
    "incorrect login",
    "incorrect password",
    "wrong password",
    "wrong user",
});

constexpr auto words_of_another_time = std::to_array<std::string_view>({
    "try again",  // Yahoo, Courier
    "retry",
    "later",  // Courier, Zimbra
});

constexpr auto words_of_wrong_secrets = std::to_array<std::string_view>({
    "authentication fail",  // Dovecot, Cyrus, iCloud, Zimbra
    "authentication unsuccessful",
    "authenticate failed",  // Exchange, Microsoft 365
    "login failed",         // Exchange, Courier, Cyrus, Zimbra
    "login failure", "logon failure", "login incorrect",
    "login invalid",  // Yahoo
    "password",       // "Incorrect username or password", "Password expired"
    "auth failed",
    "authorization failed",  // Dovecot, proxies
});

template <std::size_t N>
bool has_any(std::string const& text, std::array<std::string_view, N> const& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view w) { return text.find(w) != std::string::npos; });
}

// The atom of "[ATOM ...]" at the beginning, in capitals.
std::string code_of(std::string_view text) {
  if (text.empty() || text.front() != '[') return {};
  auto const end = text.find_first_of(" ]");
  if (end == std::string_view::npos) return {};
  return ascii_upper(text.substr(1, end - 1));
}

}  // namespace

LoginAnswer read_login_answer(std::string_view text) {
  auto const code = code_of(text);
  for (auto const& row : codes)
    if (row.code == code) return row.answer;
  auto const words = ascii_lower(text);
  if (has_any(words, words_of_limits)) return LoginAnswer::NotNow;
  if (has_any(words, plain_words_of_wrong_secrets)) return LoginAnswer::WrongSecret;
  if (has_any(words, words_of_another_time)) return LoginAnswer::NotNow;
  return has_any(words, words_of_wrong_secrets) ? LoginAnswer::WrongSecret : LoginAnswer::Unclear;
}

}  // namespace mailpool::imap
