#include "core/sasl/authentication.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/base64.h"
#include "core/base/redaction.h"
#include "core/base/text.h"

namespace mailpool::sasl {
namespace {

constexpr std::size_t longest_command = 510;       // RFC 5321 4.5.3.1.4, without CRLF
constexpr std::size_t longest_challenge = 12'288;  // RFC 4954 4
constexpr unsigned most_challenges = 8;

bool is_offered(std::string_view offered, std::string_view name) {
  while (!offered.empty()) {
    auto const end = std::min(offered.find(' '), offered.size());
    if (ascii_iequal(offered.substr(0, end), name)) return true;
    offered.remove_prefix(std::min(end + 1, offered.size()));
  }
  return false;
}

std::string names_of(std::vector<Mechanism> const& mechanisms) {
  std::string names;
  for (auto mechanism : mechanisms)
    names.append(names.empty() ? "" : " ").append(name_of(mechanism));
  return names;
}

}  // namespace

Authentication::Authentication(Account account, std::vector<Mechanism> allowed)
    : account_(std::move(account)), allowed_(std::move(allowed)) {}

Result<Mechanism> Authentication::choose(std::string_view offered) {
  for (auto mechanism : all_mechanisms) {
    bool const may = std::find(allowed_.begin(), allowed_.end(), mechanism) != allowed_.end();
    if (!may || !is_offered(offered, name_of(mechanism))) continue;
    mechanism_ = mechanism;
    Account account{account_.user, account_.secret.copy(), account_.host, account_.port,
                    account_.nonce};
    exchange_ = begin(mechanism, std::move(account));
    return mechanism;
  }
  if (offered.empty()) return failed("the server offers no AUTH");
  return failed(fmt::format("the server offers AUTH {}, and mechanisms allows {}",
                            printable(offered, 200), names_of(allowed_)));
}

Secret Authentication::encoded(Secret const& response) {
  auto line = Secret::from(to_base64(response.reveal()));
  said_.push_back(line.copy());
  return line;
}

Secret Authentication::command() {
  assert(exchange_ && "a mechanism was chosen");
  auto const name = std::string(name_of(mechanism_));
  auto const initial = exchange_->initial();
  if (!initial) return Secret(name);
  auto response = initial->is_empty() ? Secret("=") : encoded(*initial);
  if (std::string_view("AUTH  ").size() + name.size() + response.reveal().size() >
      longest_command) {
    held_back_ = std::move(response);
    return Secret(name);
  }
  return Secret::from(fmt::format("{} {}", name, response.reveal()));
}

Result<Secret> Authentication::answer(std::string_view challenge) {
  if (++challenges_ > most_challenges) return failed("the server asks again and again");
  if (challenge.size() > longest_challenge) return failed("the server's challenge is too long");
  auto const decoded = from_base64(challenge);
  if (!decoded) return failed("the server's challenge is not base64");
  if (held_back_) {
    auto line = std::move(*held_back_);
    held_back_.reset();
    return line;
  }
  auto const response = exchange_->answer(*decoded);
  if (!response) return tl::make_unexpected(response.error());
  return encoded(*response);
}

Result<void> Authentication::accept() {
  if (held_back_) return failed("the server took the login before it was told");
  return exchange_->accept();
}

std::string Authentication::redacted(std::string_view text) const {
  Redaction redaction;
  redaction.add(account_.secret.reveal());
  for (auto const& line : said_) redaction.add(line.reveal());
  return redaction.apply(text);
}

}  // namespace mailpool::sasl
