#include "core/wire/capabilities.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace mailpool::wire {
namespace {

// Twenty long names; a server that offers more of them is not looked at further.
constexpr std::size_t most_mechanism_octets = 512;

// The next word of `line`, which is shortened by it and the blanks before it.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  auto const word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// RFC 9422: a limit is a number greater than zero.
std::optional<std::uint32_t> to_limit(std::string_view text) {
  auto const n = to_number(text);
  if (!n || *n == 0) return std::nullopt;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(*n, std::numeric_limits<std::uint32_t>::max()));
}

void learn_limits(Capabilities& has, std::string_view parameters) {
  for (auto word = take_word(parameters); !word.empty(); word = take_word(parameters)) {
    auto const equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    auto const name = word.substr(0, equals);
    auto const limit = to_limit(word.substr(equals + 1));
    if (!limit) continue;
    if (ascii_iequal(name, "MAILMAX")) has.mail_max = limit;
    if (ascii_iequal(name, "RCPTMAX")) has.rcpt_max = limit;
    if (ascii_iequal(name, "RCPTDOMAINMAX")) has.rcpt_domain_max = limit;
  }
}

void learn_size(Capabilities& has, std::string_view parameters) {
  has.size = true;
  has.size_limit = to_number(take_word(parameters)).value_or(0);
}

// Each mechanism once: some servers announce them twice, as AUTH and as the "AUTH=" of before RFC
// 2554.
void learn_mechanisms(Capabilities& has, std::string_view names) {
  for (auto name = take_word(names); !name.empty(); name = take_word(names)) {
    auto const all = " " + has.auth + " ";
    auto const upper = ascii_upper(name);
    if (has.auth.size() + upper.size() >= most_mechanism_octets) return;
    if (all.find(" " + upper + " ") != std::string::npos) continue;
    has.auth.append(has.auth.empty() ? "" : " ").append(upper);
  }
}

}  // namespace

void Capabilities::learn(std::string_view line) {
  auto const keyword = take_word(line);
  auto is = [&](std::string_view word) { return ascii_iequal(keyword, word); };
  if (is("PIPELINING")) pipelining = true;
  if (is("CHUNKING")) chunking = true;
  if (is("8BITMIME")) eight_bit_mime = true;
  if (is("SMTPUTF8")) smtputf8 = true;
  if (is("ENHANCEDSTATUSCODES")) enhanced_status_codes = true;
  if (is("STARTTLS")) starttls = true;
  if (is("REQUIRETLS")) require_tls = true;
  if (is("DSN")) dsn = true;
  if (is("SIZE")) learn_size(*this, line);
  if (is("LIMITS")) learn_limits(*this, line);
  if (is("AUTH")) learn_mechanisms(*this, line);
  if (ascii_istarts_with(keyword, "AUTH=")) {
    learn_mechanisms(*this, keyword.substr(5));
    learn_mechanisms(*this, line);
  }
}

}  // namespace mailpool::wire
