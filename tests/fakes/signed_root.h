#pragma once
// A DNS root with a key of its own, for tests of DNSSEC: its DNSKEY set, signed, and the trust
// anchor that fits.

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/route/dns_wire.h"
#include "fakes/dns_reply.h"

namespace mailpool::fakes {

/// ECDSA P-256 (RFC 6605).
class SignedRoot {
 public:
  using Bytes = std::vector<std::uint8_t>;

  SignedRoot() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {
    if (!key_) throw std::runtime_error("no key");
    std::array<std::uint8_t, 65> point{};  // 04, x, y
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                    &size);
    dnskey_ = {1, 1, 3, 13};
    dnskey_.insert(dnskey_.end(), point.begin() + 1, point.end());
  }

  /// A line for a trust anchor file.
  [[nodiscard]] std::string anchor() const {
    std::array<unsigned char, 128> text{};
    EVP_EncodeBlock(text.data(), dnskey_.data() + 4, 64);
    return ". 3600 IN DNSKEY 257 3 13 " + std::string(reinterpret_cast<char const*>(text.data())) +
           "\n";
  }

  /// The answer to ". DNSKEY".
  [[nodiscard]] DnsReply dnskey_answer() const {
    DnsReply message("", route::type_dnskey);
    message.record("", route::type_dnskey, ttl, dnskey_)
        .record("", route::type_rrsig, ttl, rrsig(route::type_dnskey, 0, {0}, dnskey_));
    return message;
  }

  /// The RRSIG of one record of `owner` (wire form, lower case) made by the root.
  [[nodiscard]] Bytes rrsig(std::uint16_t type, std::uint8_t labels, Bytes const& owner,
                            Bytes const& rdata) const {
    auto const now = static_cast<std::uint32_t>(std::time(nullptr));
    Bytes head;
    put16(head, type);
    head.push_back(13);
    head.push_back(labels);
    for (std::uint32_t const n : {ttl, now + 86400, now - 86400}) put32(head, n);
    put16(head, key_tag());
    head.push_back(0);
    Bytes data = head;
    data.insert(data.end(), owner.begin(), owner.end());
    put16(data, type);
    put16(data, route::class_in);
    put32(data, ttl);
    put16(data, static_cast<std::uint16_t>(rdata.size()));
    data.insert(data.end(), rdata.begin(), rdata.end());
    auto const signature = sign(data);
    head.insert(head.end(), signature.begin(), signature.end());
    return head;
  }

  static constexpr std::uint32_t ttl = 3600;

 private:
  static void put16(Bytes& bytes, std::uint16_t n) {
    bytes.push_back(static_cast<std::uint8_t>(n >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(n));
  }
  static void put32(Bytes& bytes, std::uint32_t n) {
    put16(bytes, static_cast<std::uint16_t>(n >> 16U));
    put16(bytes, static_cast<std::uint16_t>(n));
  }
  [[nodiscard]] std::uint16_t key_tag() const {  // RFC 4034, appendix B
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < dnskey_.size(); ++i)
      sum += i % 2 == 0 ? std::uint32_t{dnskey_[i]} << 8U : dnskey_[i];
    return static_cast<std::uint16_t>(sum + (sum >> 16U));
  }
  [[nodiscard]] Bytes sign(Bytes const& data) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    Bytes der(128);
    std::size_t size = der.size();
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), der.data(), &size, data.data(), data.size()) != 1)
      throw std::runtime_error("cannot sign");
    auto const* at = static_cast<unsigned char const*>(der.data());
    std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> const signature(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)), ECDSA_SIG_free);
    Bytes raw(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32);
    return raw;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  Bytes dnskey_;
};

}  // namespace mailpool::fakes
