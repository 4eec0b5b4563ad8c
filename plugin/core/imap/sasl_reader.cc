#include "core/imap/sasl_reader.h"

#include "core/base/text.h"

namespace mailpool::imap {
namespace {

constexpr char control_a = '\x01';
constexpr std::string_view bearer = "Bearer ";

// The token of the key "auth" among the pairs that ^A ends.
std::optional<Secret> token_in(std::string_view pairs) {
  for (auto pair : split(pairs, control_a)) {
    if (!pair.starts_with("auth=")) continue;
    pair.remove_prefix(5);
    if (!ascii_istarts_with(pair, bearer)) return std::nullopt;
    return Secret(trimmed(pair.substr(bearer.size())));
  }
  return std::nullopt;
}

// A name of a GS2 header: "=2C" and "=3D" stand for "," and "=".
std::optional<std::string> gs2_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      name += text[i];
    } else if (text.substr(i, 3) == "=2C") {
      name += ',';
      i += 2;
    } else if (text.substr(i, 3) == "=3D") {
      name += '=';
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return name;
}

std::optional<LoginRequest> with_token(std::string user, std::optional<Secret> token) {
  if (user.empty() || !token || token->is_empty()) return std::nullopt;
  return LoginRequest{std::move(user), {}, SecretKind::Token, std::move(*token)};
}

bool has_breaker(std::string_view text) {
  return text.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos;
}

}  // namespace

bool is_possible(LoginRequest const& request) {
  return !request.user.empty() && request.user.size() <= longest_user &&
         request.authzid.size() <= longest_user &&
         request.secret.reveal().size() <= longest_secret && !has_breaker(request.user) &&
         !has_breaker(request.authzid) && !has_breaker(request.secret.reveal());
}

std::optional<LoginRequest> read_plain(std::string_view message) {
  auto const first = message.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  auto const second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  LoginRequest request{std::string(message.substr(first + 1, second - first - 1)),
                       std::string(message.substr(0, first)), SecretKind::Password,
                       Secret(message.substr(second + 1))};
  // To act as oneself is what happens anyway: one key, not two.
  if (request.authzid == request.user) request.authzid.clear();
  return request;
}

std::optional<LoginRequest> read_xoauth2(std::string_view message) {
  if (!message.starts_with("user=")) return std::nullopt;
  auto const end = message.find(control_a);
  if (end == std::string_view::npos) return std::nullopt;
  return with_token(std::string(message.substr(5, end - 5)), token_in(message.substr(end + 1)));
}

std::optional<LoginRequest> read_oauthbearer(std::string_view message) {
  auto const end = message.find(control_a);
  if (end == std::string_view::npos) return std::nullopt;
  auto const header = split(message.substr(0, end), ',');
  if (header.size() < 2 || header[0] != "n" || !header[1].starts_with("a=")) return std::nullopt;
  auto name = gs2_name(header[1].substr(2));
  if (!name) return std::nullopt;
  return with_token(std::move(*name), token_in(message.substr(end + 1)));
}

}  // namespace mailpool::imap
