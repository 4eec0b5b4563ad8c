#include "core/sasl/scram.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <optional>
#include <utility>

#include "core/base/base64.h"
#include "core/base/sha256.h"
#include "core/base/text.h"

namespace mailpool::sasl {
namespace {

constexpr std::size_t most_in_a_message = 4096;
constexpr std::size_t most_salt = 1024;

struct ServerFirst {
  std::string_view nonce;
  std::string salt;
  std::uint32_t iterations = 0;
};

// "x=VALUE" off the front, with the comma behind it.
std::optional<std::string_view> take(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
  auto const value = message.substr(2, message.find(',') - 2);
  message.remove_prefix(std::min(message.size(), value.size() + 3));
  return value;
}

// The order is fixed; extensions may follow, but one that stands first ("m=") must be understood.
Result<ServerFirst> read_first(std::string_view message, std::string_view our_nonce) {
  auto const nonce = take(message, 'r');
  auto const salt = nonce ? take(message, 's') : std::nullopt;
  auto const iterations = salt ? take(message, 'i') : std::nullopt;
  if (!iterations) return failed("the server's first SCRAM message is malformed");
  if (nonce->size() <= our_nonce.size() || !nonce->starts_with(our_nonce))
    return failed("the server's SCRAM nonce does not continue ours");
  auto decoded = from_base64(*salt);
  if (!decoded || decoded->empty() || decoded->size() > most_salt)
    return failed("the server's SCRAM salt is malformed");
  auto const count = to_number(*iterations);
  if (!count || *count < fewest_iterations || *count > most_iterations)
    return failed(fmt::format("the server wants {} SCRAM iterations; {} to {} are done",
                              printable(*iterations, 20), fewest_iterations, most_iterations));
  return ServerFirst{*nonce, std::move(*decoded), static_cast<std::uint32_t>(*count)};
}

// Hi() of RFC 5802: PBKDF2 with one block. Nothing where libcrypto refuses.
std::optional<Sha256Digest> salted_password(std::string_view password, std::string_view salt,
                                            std::uint32_t iterations) {
  Sha256Digest digest{};
  bool const is_done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<unsigned char const*>(salt.data()),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                        static_cast<int>(digest.size()), digest.data()) == 1;
  return is_done ? std::optional(digest) : std::nullopt;
}

}  // namespace

std::string scram_name(std::string_view user) {
  std::string name;
  for (char c : user) {
    if (c == ',') {
      name += "=2C";
    } else if (c == '=') {
      name += "=3D";
    } else {
      name += c;
    }
  }
  return name;
}

Scram::Scram(Account account) : account_(std::move(account)) {}

std::optional<Secret> Scram::initial() {
  step_ = Step::FirstSent;
  first_bare_ = fmt::format("n={},r={}", scram_name(account_.user), account_.nonce);
  return Secret("n,," + first_bare_);
}

Result<Secret> Scram::answer(std::string_view challenge) {
  if (challenge.size() > most_in_a_message) return failed("the server's SCRAM message is too long");
  if (step_ == Step::FirstSent) return prove(challenge);
  if (step_ == Step::FinalSent) return verify(challenge);
  return failed("the server goes on asking after SCRAM is over");
}

Result<Secret> Scram::prove(std::string_view server_first) {
  auto const first = read_first(server_first, account_.nonce);
  if (!first) return tl::make_unexpected(first.error());
  auto const final_bare = fmt::format("c=biws,r={}", first->nonce);
  auto const message = fmt::format("{},{},{}", first_bare_, server_first, final_bare);

  auto computed = salted_password(account_.secret.reveal(), first->salt, first->iterations);
  account_.secret.clear();
  if (!computed) return failed("libcrypto cannot compute SCRAM's proof");
  auto& salted = *computed;
  auto proof = hmac_sha256(octets_of(salted), "Client Key");
  auto const stored_key = sha256(octets_of(proof));
  auto const signature = hmac_sha256(octets_of(stored_key), message);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
  auto server_key = hmac_sha256(octets_of(salted), "Server Key");
  expected_ = Secret::from(to_base64(octets_of(hmac_sha256(octets_of(server_key), message))));
  wipe(salted.data(), salted.size());
  wipe(server_key.data(), server_key.size());
  step_ = Step::FinalSent;
  return Secret::from(fmt::format("{},p={}", final_bare, to_base64(octets_of(proof))));
}

Result<Secret> Scram::verify(std::string_view server_final) {
  if (take(server_final, 'e')) return Secret();  // the refusal itself follows
  auto const signature = take(server_final, 'v');
  if (!signature || !expected_.is(*signature))
    return failed("the server could not prove by SCRAM that it knows the password");
  step_ = Step::Verified;
  return Secret();
}

Result<void> Scram::accept() {
  if (step_ != Step::Verified)
    return failed("the server took the SCRAM login without proving that it knows the password");
  return {};
}

}  // namespace mailpool::sasl
