// A server's octets during its login: whatever it says, nothing of the secret leaves before a
// greeting, or before the user before is logged out (UNAUTHENTICATE), the conversation is bounded,
// and only an OK to our own tag logs in.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/imap/upstream_login.h"

namespace {

using namespace mailpool;
using namespace mailpool::imap;

void require(bool holds) {
  if (!holds) std::abort();
}

class Zeros final : public Entropy {
 public:
  // Tags that the corpus can know: PAAAAAAAAAAAAA.
  void fill(std::span<std::uint8_t> octets) override {
    for (auto& octet : octets) octet = 0;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view octets(reinterpret_cast<char const*>(data + 1), size - 1);
  auto const tls = static_cast<ImapTls>(data[0] % 3);
  bool const is_token = (data[0] & 0x80U) != 0;
  Outbox out;
  Zeros entropy;
  LoginRequest request{"user", (data[0] & 0x40U) != 0 ? "other" : "",
                       is_token ? SecretKind::Token : SecretKind::Password,
                       Secret("s3cr3t-s3cr3t")};
  UpstreamLogin login(out, entropy, std::move(request), tls, "h.example", 993);
  std::string input;
  bool const is_turned_over = (data[0] & 0x20U) != 0;
  if (is_turned_over) login.unauthenticate();
  bool is_in_tls = tls != ImapTls::StartTls || is_turned_over;
  while (!octets.empty() && login.state() == UpstreamLogin::State::Talking) {
    auto const n = std::min<std::size_t>((data[0] >> 2U) % 8 + 1, octets.size());
    input += octets.substr(0, n);
    octets.remove_prefix(n);
    auto const taken = login.receive(input);
    require(taken <= input.size());
    input.erase(0, taken);
    if (!is_in_tls) require(out.unsent().find("AUTHENTICATE") == std::string_view::npos);
    if (!is_in_tls) require(out.unsent().find("LOGIN") == std::string_view::npos);
    if (login.is_unauthenticating()) {
      require(out.unsent().find(" AUTHENTICATE ") == std::string_view::npos);
      require(out.unsent().find(" LOGIN ") == std::string_view::npos);
    }
    if (login.has_refused_to_unauthenticate())
      require(login.state() == UpstreamLogin::State::Failed);
    if (login.state() == UpstreamLogin::State::WantsTls) {
      require(!is_turned_over);
      require(input.empty());
      is_in_tls = true;
      login.tls_established();
    }
    require(input.size() <= wire::ImapResponseScanner::longest_status);
  }
  if (login.state() == UpstreamLogin::State::Done) {
    require(is_in_tls);
    require(!login.capabilities().is_empty());
  }
  return 0;
}
