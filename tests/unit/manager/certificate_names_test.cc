// Which certificates stand for a host: ours held against what OpenSSL itself says of each. Ours may
// be stricter; it must never be more lenient.

#include <openssl/x509v3.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tls/names.h"
#include "manager/tls_facts.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::string_view_literals;

namespace {

struct Free {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(X509* c) const { X509_free(c); }
  void operator()(X509_STORE* s) const { X509_STORE_free(s); }
  void operator()(X509_STORE_CTX* c) const { X509_STORE_CTX_free(c); }
  void operator()(GENERAL_NAMES* n) const { GENERAL_NAMES_free(n); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

struct Name {
  int type;  ///< GEN_DNS, ...; of a subject's name: MBSTRING_* or V_ASN1_*
  std::string_view octets;
};

/// A row of the table.
struct Shown {
  std::string_view what;
  std::vector<Name> alternative;
  std::vector<Name> common;
  std::string_view constraint;  ///< of the authority, as OpenSSL's configuration has it; "": none
  bool is_the_hosts;            ///< by ours
  bool alternative_twice = false;
};

constexpr auto host = "mx.example.org"sv;

void add_extension(X509* to, int nid, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, to, to, nullptr, nullptr, 0);
  auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  BOOST_REQUIRE(extension != nullptr);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

Owned<X509> blank(EVP_PKEY* key, long serial) {
  Owned<X509> made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_set_pubkey(made.get(), key);
  return made;
}

struct Authority {
  explicit Authority(std::string_view constraint)
      : key(EVP_EC_gen("P-256")), certificate(blank(key.get(), 1)) {
    auto* const name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                               reinterpret_cast<unsigned char const*>("Authority"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    if (!constraint.empty())
      add_extension(certificate.get(), NID_name_constraints, "critical," + std::string(constraint));
    BOOST_REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0);
  }
  Owned<EVP_PKEY> key;
  Owned<X509> certificate;
};

GENERAL_NAME* general_name(Name const& name) {
  auto* const made = GENERAL_NAME_new();
  auto* const text = name.type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  ASN1_STRING_set(text, name.octets.data(), static_cast<int>(name.octets.size()));
  GENERAL_NAME_set0_value(made, name.type, text);
  return made;
}

Owned<X509> issue(Authority const& authority, Shown const& shown) {
  static Owned<EVP_PKEY> const key(EVP_EC_gen("P-256"));
  auto made = blank(key.get(), 2);
  for (auto const& name : shown.common)
    BOOST_REQUIRE(
        X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, name.type,
                                   reinterpret_cast<unsigned char const*>(name.octets.data()),
                                   static_cast<int>(name.octets.size()), -1, 0) == 1);
  X509_set_issuer_name(made.get(), X509_get_subject_name(authority.certificate.get()));
  if (!shown.alternative.empty()) {
    Owned<GENERAL_NAMES> const names(GENERAL_NAMES_new());
    for (auto const& name : shown.alternative)
      sk_GENERAL_NAME_push(names.get(), general_name(name));
    for (int i = 0; i < (shown.alternative_twice ? 2 : 1); ++i)
      BOOST_REQUIRE(X509_add1_ext_i2d(made.get(), NID_subject_alt_name, names.get(), 0,
                                      X509V3_ADD_APPEND) == 1);
  }
  BOOST_REQUIRE(X509_sign(made.get(), authority.key.get(), EVP_sha256()) != 0);
  return made;
}

/// Chain and, where one is given, host.
bool openssl_accepts(Authority const& authority, X509* leaf, std::optional<std::string_view> name) {
  Owned<X509_STORE> const store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), authority.certificate.get());
  Owned<X509_STORE_CTX> const context(X509_STORE_CTX_new());
  BOOST_REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) == 1);
  auto* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (name) BOOST_REQUIRE(X509_VERIFY_PARAM_set1_host(parameters, name->data(), name->size()) == 1);
  return X509_verify_cert(context.get()) == 1;
}

std::vector<Shown> const table{
    {"its own name", {{GEN_DNS, host}}, {}, "", true},
    {"its own name in capitals", {{GEN_DNS, "MX.Example.ORG"}}, {}, "", true},
    {"its own among others", {{GEN_DNS, "a.example"}, {GEN_DNS, host}}, {}, "", true},
    {"another's", {{GEN_DNS, "mx.example.net"}}, {}, "", false},
    {"a wildcard for it", {{GEN_DNS, "*.example.org"}}, {}, "", true},
    {"a wildcard above", {{GEN_DNS, "*.org"}}, {}, "", false},
    {"a wildcard for part of a label", {{GEN_DNS, "m*.example.org"}}, {}, "", false},
    {"a wildcard within", {{GEN_DNS, "mx.*.org"}}, {}, "", false},
    {"a wildcard for all", {{GEN_DNS, "*"}}, {}, "", false},
    {"a final dot", {{GEN_DNS, "mx.example.org."}}, {}, "", false},
    {"a NUL behind it", {{GEN_DNS, "mx.example.org\0.example.net"sv}}, {}, "", false},
    {"a NUL at the end", {{GEN_DNS, "mx.example.org\0"sv}}, {}, "", false},
    {"a blank behind it", {{GEN_DNS, "mx.example.org "}}, {}, "", false},
    {"the parent with a dot", {{GEN_DNS, ".example.org"}}, {}, "", false},
    {"common name alone", {}, {{MBSTRING_UTF8, host}}, "", true},
    {"common name with an address",
     {{GEN_EMAIL, "a@example.org"}},
     {{MBSTRING_UTF8, host}},
     "",
     true},
    {"common name with an IP address",
     {{GEN_IPADD, "\x7f\0\0\1"sv}},
     {{MBSTRING_UTF8, host}},
     "",
     true},
    {"common name beside another's", {{GEN_DNS, "a.example"}}, {{MBSTRING_UTF8, host}}, "", false},
    {"common name beside a dirty one",
     {{GEN_DNS, "a b.example"}},
     {{MBSTRING_UTF8, host}},
     "",
     false},
    {"common name beside an empty one", {{GEN_DNS, ""}}, {{MBSTRING_UTF8, host}}, "", false},
    {"common name beside a NUL", {{GEN_DNS, "\0"sv}}, {{MBSTRING_UTF8, host}}, "", false},
    {"common name beside one that is too long",
     {{GEN_DNS,
       "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"}},
     {{MBSTRING_UTF8, host}},
     "",
     false},
    {"common name with a NUL",
     {},
     {{V_ASN1_UTF8STRING, "mx.example.org\0.example.net"sv}},
     "",
     false},
    {"common name in two octets each",
     {},
     {{V_ASN1_BMPSTRING, "\0m\0x\0.\0e\0x\0a\0m\0p\0l\0e\0.\0o\0r\0g"sv}},
     "",
     true},
    {"common name whose octets alone look like it", {}, {{V_ASN1_BMPSTRING, host}}, "", false},
    {"the second common name",
     {},
     {{MBSTRING_UTF8, "a.example"}, {MBSTRING_UTF8, host}},
     "",
     false},
    {"names that are there twice", {{GEN_DNS, host}}, {{MBSTRING_UTF8, host}}, "", false, true},
    {"an authority for it", {{GEN_DNS, host}}, {}, "permitted;DNS:example.org", true},
    {"an authority for others", {{GEN_DNS, host}}, {}, "permitted;DNS:example.net", false},
    {"an authority but for it", {{GEN_DNS, host}}, {}, "excluded;DNS:example.org", false},
    {"common name of an authority for it",
     {},
     {{MBSTRING_UTF8, host}},
     "permitted;DNS:example.org",
     true},
    {"common name of an authority for others",
     {},
     {{MBSTRING_UTF8, host}},
     "permitted;DNS:example.net",
     false},
    {"common name of an authority for others, beside one of theirs",
     {{GEN_DNS, "a.example.net"}},
     {{MBSTRING_UTF8, host}},
     "permitted;DNS:example.net",
     false},
    {"common name of an authority but for it, beside a dirty one",
     {{GEN_DNS, "a b"}},
     {{MBSTRING_UTF8, host}},
     "excluded;DNS:example.org",
     false},
    {"common name of an authority but for it, beside an empty one",
     {{GEN_DNS, ""}},
     {{MBSTRING_UTF8, host}},
     "excluded;DNS:example.org",
     false},
    {"common name of an authority but for it, beside an address",
     {{GEN_EMAIL, "a@example.net"}},
     {{MBSTRING_UTF8, host}},
     "excluded;DNS:example.org",
     false},
    {"octets of a common name of an authority but for it",
     {},
     {{V_ASN1_BMPSTRING, host}},
     "excluded;DNS:example.org",
     false},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_names)

BOOST_AUTO_TEST_CASE(a_certificate_stands_for_a_host_only_if_openssl_says_so_too) {
  std::size_t accepted_by_openssl_alone = 0;
  for (auto const& shown : table) {
    BOOST_TEST_CONTEXT(shown.what) {
      Authority const authority(shown.constraint);
      auto const leaf = issue(authority, shown);
      Certificates certificates;
      auto const described = certificates.describe(leaf.get());
      bool const ours = openssl_accepts(authority, leaf.get(), std::nullopt) &&
                        tls::any_name_fits(described->names, {std::string(host)});
      bool const openssls = openssl_accepts(authority, leaf.get(), host);
      BOOST_TEST(ours == shown.is_the_hosts);
      BOOST_TEST((!ours || openssls), "OpenSSL refuses what we accept");
      if (openssls && !ours) ++accepted_by_openssl_alone;
    }
  }
  // The second common name.
  BOOST_TEST(accepted_by_openssl_alone <= 2U);
}

BOOST_AUTO_TEST_SUITE_END()
