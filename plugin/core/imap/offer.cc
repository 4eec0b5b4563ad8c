#include "core/imap/offer.h"

#include <array>

namespace mailpool::imap {
namespace {

constexpr std::string_view between_lists = " | ";

template <std::size_t N>
bool has_any(Capabilities const& list, std::array<std::string_view, N> const& names) {
  for (auto name : names)
    if (list.has(name)) return true;
  return false;
}

}  // namespace

std::string_view name_of(SecretKind kind) {
  switch (kind) {
    case SecretKind::Password:
      return "password";
    case SecretKind::Token:
      return "token";
    case SecretKind::External:
      break;
  }
  return "external";
}

bool takes(Capabilities const& before_login, SecretKind kind) {
  static constexpr std::array<std::string_view, 2> for_tokens{"AUTH=OAUTHBEARER", "AUTH=XOAUTH2"};
  static constexpr std::array<std::string_view, 3> for_passwords{"AUTH=PLAIN", "AUTH=LOGIN",
                                                                 "AUTH=SCRAM-SHA-256"};
  if (kind == SecretKind::External) return before_login.has("AUTH=EXTERNAL");
  if (kind == SecretKind::Token) return has_any(before_login, for_tokens);
  return has_any(before_login, for_passwords) || !before_login.has("LOGINDISABLED");
}

std::string Offer::for_greeting() const {
  bool const tokens = !before_login || takes(*before_login, SecretKind::Token);
  bool const passwords = !before_login || takes(*before_login, SecretKind::Password);
  // Between the client and here one spelling is as good as another: all of a kind are offered.
  return after_login.for_client() + " SASL-IR" +
         (passwords ? " AUTH=PLAIN AUTH=LOGIN" : " LOGINDISABLED") +
         (tokens ? " AUTH=XOAUTH2 AUTH=OAUTHBEARER" : "");
}

std::string Offer::to_record() const {
  auto record = after_login.to_record();
  if (before_login) record += std::string(between_lists) + before_login->to_record();
  return record;
}

std::optional<Offer> Offer::from_record(std::string_view record) {
  auto const end = record.find(between_lists);
  auto after = Capabilities::from_record(record.substr(0, end));
  if (!after) return std::nullopt;
  Offer read{std::move(*after), std::nullopt};
  if (end == std::string_view::npos) return read;
  read.before_login = Capabilities::from_record(record.substr(end + between_lists.size()));
  if (!read.before_login) return std::nullopt;
  return read;
}

}  // namespace mailpool::imap
