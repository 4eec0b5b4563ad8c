#include "core/imap/verifier.h"

namespace mailpool::imap {
namespace {

Hmac<Sha256> keyed(Entropy& entropy) {
  std::array<std::uint8_t, 32> key{};
  entropy.fill(key);
  Hmac<Sha256> hmac(octets_of(key));
  wipe(key.data(), key.size());
  return hmac;
}

void add(std::string& text, std::string_view part) {
  auto const size = static_cast<std::uint64_t>(part.size());
  for (unsigned shift = 0; shift < 64; shift += 8)
    text += static_cast<char>(static_cast<std::uint8_t>(size >> shift));
  text += part;
}

}  // namespace

VerifierMaker::VerifierMaker(Entropy& entropy) : hmac_(keyed(entropy)) {}

Verifier VerifierMaker::of(std::string_view profile, LoginRequest const& request) const {
  std::string text;
  text.reserve(profile.size() + request.user.size() + request.authzid.size() +
               request.secret.reveal().size() + 64);
  add(text, profile);
  add(text, request.user);
  add(text, request.authzid);
  add(text, request.kind == SecretKind::Token ? "token" : "password");
  add(text, request.secret.reveal());
  auto const verifier = hmac_.of(text);
  wipe(text);
  return verifier;
}

bool is_same(Verifier const& given, Verifier const* known) {
  static constexpr Verifier dummy{};
  bool const equal =
      equal_in_constant_time(octets_of(given), octets_of(known != nullptr ? *known : dummy));
  return equal && known != nullptr;
}

}  // namespace mailpool::imap
