#include "net/sha256.h"

#include <cstdlib>

namespace mailpool::net {

namespace {

// Fetching looks through the providers under a lock: once per process is enough.
EVP_MD const* algorithm() {
  static EVP_MD const* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  restart();
}

void Sha256::restart() {
  if (EVP_DigestInit_ex(context_.get(), algorithm(), nullptr) != 1) std::abort();
}

void Sha256::add(std::string_view octets) {
  if (EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) != 1) std::abort();
}

Sha256::Digest Sha256::finish() {
  Digest digest{};
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) std::abort();
  return digest;
}

void append_hex(std::string& to, unsigned char const* octets, std::size_t count) {
  static constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < count; ++i) {
    to += digits[octets[i] >> 4];
    to += digits[octets[i] & 15];
  }
}

std::string hex(Sha256::Digest const& digest) {
  std::string text;
  text.reserve(64);
  append_hex(text, digest.data(), digest.size());
  return text;
}

}  // namespace mailpool::net
