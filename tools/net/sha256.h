#pragma once
// SHA-256, fed piece by piece (OpenSSL's, so that it uses the processor's instructions).

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace mailpool::net {

class Sha256 {
 public:
  using Digest = std::array<unsigned char, 32>;

  Sha256();
  void restart();
  void add(std::string_view octets);
  /// Ends the digest; restart() begins the next.
  [[nodiscard]] Digest finish();

 private:
  struct Deleter {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, Deleter> context_;
};

/// Lower-case hexadecimal.
[[nodiscard]] std::string hex(Sha256::Digest const& digest);
void append_hex(std::string& to, unsigned char const* octets, std::size_t count);

}  // namespace mailpool::net
