#include "manager/tls_facts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include "core/base/text.h"

namespace mailpool::manager {

WallTime end_of(X509 const* certificate) {
  std::tm t{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &t) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&t));
}

namespace {

constexpr std::size_t most_names = 1000;
constexpr std::size_t longest_name = 253;
constexpr std::size_t sweep_at = 4096;

struct X509Deleter {
  void operator()(GENERAL_NAMES* n) const { GENERAL_NAMES_free(n); }
  void operator()(X509_STORE_CTX* c) const { X509_STORE_CTX_free(c); }
  void operator()(BIO* b) const { BIO_free(b); }
};
template <class T>
using Owned = std::unique_ptr<T, X509Deleter>;

std::string_view content_of(ASN1_STRING const* text) {
  return {reinterpret_cast<char const*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// A name with a NUL or other dirt in it names nobody.
void add_name(std::vector<std::string>& names, std::string_view name) {
  static constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*";
  if (names.size() < most_names && !name.empty() && name.size() <= longest_name &&
      name.find_first_not_of(allowed) == std::string_view::npos)
    names.push_back(ascii_lower(name));
}

// Whatever its type, as the characters that it stands for: the octets of a BMPString can look like
// another name.
void add_common_name(X509* certificate, std::vector<std::string>& names) {
  auto* const subject = X509_get_subject_name(certificate);
  int const at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return;
  unsigned char* text = nullptr;
  int const size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size > 0)
    add_name(names, {reinterpret_cast<char const*>(text), static_cast<std::size_t>(size)});
  OPENSSL_free(text);
}

// DNS names of subjectAltName; the subject's common name only where that has none at all (RFC 6125
// 6.4.4), not even one that names nobody. OpenSSL holds a common name against its authorities' name
// constraints under just this condition.
void read_names(X509* certificate, tls::Certificate& into) {
  int found = -1;
  Owned<GENERAL_NAMES> const all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &found, nullptr)));
  // -1: there is none; without `all`, it cannot be read or is there twice.
  into.names_are_alternative = !all && found != -1;
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    auto const* const name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    into.names_are_alternative = true;
    add_name(into.names, content_of(name->d.dNSName));
  }
  if (!into.names_are_alternative) add_common_name(certificate, into.names);
}

std::string text_of(X509_NAME const* name) {
  Owned<BIO> const out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  auto const size = BIO_get_mem_data(out.get(), &data);
  return printable({data, static_cast<std::size_t>(size)}, 200);
}

std::string fingerprint_of(X509 const* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4U];
    text += digits[digest[i] & 15U];
  }
  return text;
}

// When the first of them ends.
WallTime first_end_of(STACK_OF(X509) const* chain) {
  auto end = WallTime::max();
  for (int i = 0; i < sk_X509_num(chain); ++i) end = std::min(end, end_of(sk_X509_value(chain, i)));
  return end;
}

struct Verdict {
  long result = X509_V_ERR_UNSPECIFIED;
  WallTime until = WallTime::max();
};

// The chain once more, now to the authorities that are trusted: with DANE the handshake asked the
// TLSA records instead.
Verdict verify_chain(SSL* ssl) {
  auto* const leaf = SSL_get0_peer_certificate(ssl);
  auto* const store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  Owned<X509_STORE_CTX> const context(X509_STORE_CTX_new());
  if (!context || leaf == nullptr ||
      X509_STORE_CTX_init(context.get(), store, leaf, SSL_get_peer_cert_chain(ssl)) != 1)
    return {};
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()),
                                   SSL_get_security_level(ssl));
  bool const is_good = X509_verify_cert(context.get()) == 1;
  Verdict const verdict{is_good ? X509_V_OK : X509_STORE_CTX_get_error(context.get()),
                        first_end_of(X509_STORE_CTX_get0_chain(context.get()))};
  ERR_clear_error();
  return verdict;
}

void note_chain(tls::Facts& facts, Verdict const& verdict) {
  facts.chain_is_good = verdict.result == X509_V_OK;
  facts.chain_has_expired = verdict.result == X509_V_ERR_CERT_HAS_EXPIRED;
  if (facts.chain_is_good) {
    facts.proved_until = std::min(facts.proved_until, verdict.until);
  } else {
    facts.chain_problem = X509_verify_cert_error_string(verdict.result);
  }
}

void note_dane(tls::Facts& facts, SSL* ssl, std::string const& records_digest) {
  facts.dane_records = records_digest;
  auto const result = SSL_get_verify_result(ssl);
  std::uint8_t usage = 0;
  bool const has_matched = result == X509_V_OK &&
                           SSL_get0_dane_authority(ssl, nullptr, nullptr) >= 0 &&
                           SSL_get0_dane_tlsa(ssl, &usage, nullptr, nullptr, nullptr, nullptr) >= 0;
  facts.dane = has_matched ? tls::Dane::Matched : tls::Dane::Failed;
  facts.dane_usage = usage;
  // RFC 7672 3.1.1: dates of a certificate that is matched itself mean nothing.
  if (has_matched && usage == 2) facts.proved_until = end_of_verified_chain(ssl);
  if (!has_matched)
    facts.dane_problem =
        result == X509_V_OK ? "no TLSA record was of use" : X509_verify_cert_error_string(result);
}

void note_cipher(tls::Facts& facts, SSL* ssl) {
  facts.version = SSL_get_version(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  facts.resumed = SSL_session_reused(ssl) == 1;
}

}  // namespace

std::shared_ptr<tls::Certificate const> Certificates::describe(X509* certificate) {
  if (certificate == nullptr) return nullptr;
  auto fingerprint = fingerprint_of(certificate);
  if (known_.size() >= sweep_at)
    std::erase_if(known_, [](auto const& entry) { return entry.second.expired(); });
  auto& known = known_[fingerprint];
  if (auto same = known.lock()) return same;
  auto described = std::make_shared<tls::Certificate>();
  read_names(certificate, *described);
  described->subject = text_of(X509_get_subject_name(certificate));
  described->issuer = text_of(X509_get_issuer_name(certificate));
  described->fingerprint = std::move(fingerprint);
  described->not_after = end_of(certificate);
  ERR_clear_error();
  known = described;
  return described;
}

tls::Facts tls_facts(SSL* ssl, std::string const& records_digest, Certificates& certificates) {
  tls::Facts facts;
  note_cipher(facts, ssl);
  facts.certificate = certificates.describe(SSL_get0_peer_certificate(ssl));
  if (!facts.certificate) return facts;
  if (records_digest.empty()) {
    note_chain(facts, {SSL_get_verify_result(ssl), end_of_verified_chain(ssl)});
  } else {
    note_dane(facts, ssl, records_digest);
    note_chain(facts, verify_chain(ssl));
  }
  return facts;
}

WallTime end_of_verified_chain(SSL* ssl) {
  return first_end_of(SSL_get0_verified_chain(ssl));
}

tls::Facts resumed_facts(SSL* ssl, tls::Facts const& original) {
  auto facts = original;
  note_cipher(facts, ssl);
  return facts;
}

}  // namespace mailpool::manager
