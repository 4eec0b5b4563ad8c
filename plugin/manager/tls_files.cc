#include "manager/tls_files.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/sha256.h"
#include "posix/secret_guard.h"

namespace mailpool::manager {
namespace {

constexpr std::size_t digits = 64;

std::string hash_of(X509 const* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), octets.data(), &size) != 1) return {};
  return {reinterpret_cast<char const*>(octets.data()), size};
}

std::string hash_of(X509_CRL const* revocations) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned size = 0;
  if (X509_CRL_digest(revocations, EVP_sha256(), octets.data(), &size) != 1) return {};
  return {reinterpret_cast<char const*>(octets.data()), size};
}

// The key itself is in memory only as long as it is hashed.
std::string hash_of(EVP_PKEY const* key) {
  unsigned char* octets = nullptr;
  int const size = i2d_PrivateKey(key, &octets);
  if (size <= 0) return {};
  auto const length = static_cast<std::size_t>(size);
  auto const hash = sha256({reinterpret_cast<char const*>(octets), length});
  OPENSSL_clear_free(octets, length);
  return std::string(octets_of(hash));
}

}  // namespace

std::string digest_of_certificate(SSL_CTX* context) {
  auto const* const certificate = SSL_CTX_get0_certificate(context);
  auto const* const key = SSL_CTX_get0_privatekey(context);
  if (certificate == nullptr || key == nullptr) return {};
  auto all = hash_of(key) + hash_of(certificate);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context, &chain);
  for (int i = 0; i < sk_X509_num(chain); ++i) all += hash_of(sk_X509_value(chain, i));
  return sha256_hex(all, digits);
}

std::string digest_of_authorities(X509_STORE* store) {
  std::vector<std::string> hashes;
  auto const* const objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    auto* const object = sk_X509_OBJECT_value(objects, i);
    if (auto const* const certificate = X509_OBJECT_get0_X509(object))
      hashes.push_back(hash_of(certificate));
    else if (auto const* const revocations = X509_OBJECT_get0_X509_CRL(object))
      hashes.push_back(hash_of(revocations));
  }
  if (hashes.empty()) return {};
  std::sort(hashes.begin(), hashes.end());
  std::string all;
  for (auto const& hash : hashes) all += hash;
  return sha256_hex(all, digits);
}

std::string objection_to_key_file(std::string const& path) {
  char const* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (credentials != nullptr && path.starts_with(std::string(credentials) + "/")) return {};
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return posix::objection_to_secret_file(facts, posix::Readers::GroupToo);
}

}  // namespace mailpool::manager
