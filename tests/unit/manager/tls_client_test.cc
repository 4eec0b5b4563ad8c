// What of the files of TLS decides who shares a connection: what they held when they were read.
#include "manager/tls_client.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>

#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<std::FILE, Free>;

Key new_key() {
  return Key(EVP_EC_gen("P-256"));
}

Certificate self_signed(Key const& key, std::string const& name) {
  static long serial = 0;
  Certificate certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  auto* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key.get());
  BOOST_REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  return certificate;
}

/// Certificates and, where there is one, a key: one after another in a PEM file.
void write(std::string const& path, std::vector<X509*> const& certificates,
           EVP_PKEY* key = nullptr) {
  File const file(std::fopen(path.c_str(), "w"));
  for (auto* certificate : certificates) PEM_write_X509(file.get(), certificate);
  if (key == nullptr) return;
  PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  BOOST_REQUIRE(::chmod(path.c_str(), 0600) == 0);
}

struct Files {
  Files() {
    settings.smtp.tls_settings.ca_file = place / "ca.pem";
    write(place / "ca.pem", {authority.get()});
  }
  void show_a_certificate() {
    settings.smtp.tls_settings.certificate = place / "client.pem";
    settings.smtp.tls_settings.key = place / "client.key";
    write(place / "client.pem", {client.get()});
    write(place / "client.key", {}, key.get());
  }
  /// As at a start or reload: what [tls] has read.
  TlsFiles read() {
    std::vector<std::string> warnings;
    mistakes.clear();
    auto fresh = settings;
    tls = TlsClient::make(fresh, mistakes, warnings);
    for (auto const& [name, site] : fresh.sites) sites[name] = site.settings.tls_settings.files;
    return fresh.smtp.tls_settings.files;
  }
  [[nodiscard]] tls::Plan plan(TlsFiles const& files) const {
    auto of_then = settings.smtp.tls_settings;
    of_then.files = files;
    return tls::plan_for(of_then, {}, {}, "mx.example.com");
  }

  tests::Scratch place;
  Key key = new_key();
  Certificate client = self_signed(key, "client");
  Certificate authority = self_signed(key, "authority");
  Settings settings;
  std::shared_ptr<TlsClient const> tls;
  std::map<std::string, TlsFiles> sites;
  std::vector<std::string> mistakes;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls_client, Files)

BOOST_AUTO_TEST_CASE(files_that_did_not_change_are_the_same_at_each_reading) {
  show_a_certificate();
  auto const files = read();
  BOOST_TEST(mistakes.empty());
  BOOST_TEST(!files.client_certificate.empty());
  BOOST_TEST(!files.authorities.empty());
  BOOST_TEST((read() == files));
}

BOOST_AUTO_TEST_CASE(a_certificate_renewed_under_its_old_name_is_another_one) {
  show_a_certificate();
  auto const before = read();
  auto const renewed = self_signed(key, "client");
  write(place / "client.pem", {renewed.get()});
  auto const after = read();
  BOOST_TEST(after.client_certificate != before.client_certificate);
  BOOST_TEST(after.authorities == before.authorities);
}

BOOST_AUTO_TEST_CASE(a_new_key_with_its_certificate_and_a_new_chain_are_others_too) {
  show_a_certificate();
  auto const before = read().client_certificate;
  write(place / "client.pem", {client.get(), authority.get()});
  auto const with_chain = read().client_certificate;
  BOOST_TEST(with_chain != before);
  auto const other_key = new_key();
  auto const of_other_key = self_signed(other_key, "client");
  write(place / "client.pem", {of_other_key.get()});
  write(place / "client.key", {}, other_key.get());
  BOOST_TEST(read().client_certificate != before);
  BOOST_TEST(read().client_certificate != with_chain);
}

BOOST_AUTO_TEST_CASE(a_key_that_others_can_read_is_a_mistake_wherever_it_stands) {
  show_a_certificate();
  auto const& tls_settings = settings.smtp.tls_settings;
  for (bool const is_in_one_file : {false, true}) {
    if (is_in_one_file) {
      settings.smtp.tls_settings.certificate = place / "both.pem";
      settings.smtp.tls_settings.key.clear();
      write(place / "both.pem", {client.get()}, key.get());
    }
    auto const& file = is_in_one_file ? tls_settings.certificate : tls_settings.key;
    for (mode_t const mode : {0600U, 0640U, 0400U, 0440U}) {
      BOOST_REQUIRE(::chmod(file.c_str(), mode) == 0);
      BOOST_TEST(!read().client_certificate.empty());
      BOOST_TEST(mistakes.empty());
    }
    for (mode_t const mode : {0644U, 0604U, 0660U, 0602U, 0666U}) {
      BOOST_REQUIRE(::chmod(file.c_str(), mode) == 0);
      static_cast<void>(read());
      BOOST_REQUIRE(mistakes.size() == 1U);
      BOOST_TEST(mistakes[0].find("key " + file + ": its mode is ") != std::string::npos,
                 mistakes[0]);
      BOOST_TEST(mistakes[0].ends_with("others could read it: chmod 0640 or 0600"), mistakes[0]);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_copy_under_another_name_is_the_same_certificate) {
  show_a_certificate();
  auto const before = read();
  settings.smtp.tls_settings.certificate = settings.smtp.tls_settings.key = place / "both.pem";
  write(place / "both.pem", {client.get()}, key.get());
  BOOST_TEST((read() == before));
}

BOOST_AUTO_TEST_CASE(without_a_certificate_there_is_no_digest) {
  BOOST_TEST(read().client_certificate.empty());
}

BOOST_AUTO_TEST_CASE(authorities_that_change_under_their_old_name_are_others) {
  auto const other = self_signed(key, "other");
  auto const before = read().authorities;
  write(place / "ca.pem", {authority.get(), other.get()});
  auto const both = read().authorities;
  BOOST_TEST(both != before);
  write(place / "ca.pem", {other.get(), authority.get()});
  BOOST_TEST(read().authorities == both, "their order says nothing");
  write(place / "ca.pem", {authority.get()});
  BOOST_TEST(read().authorities == before);
}

BOOST_AUTO_TEST_CASE(a_file_more_in_the_directory_of_authorities_is_noticed) {
  std::filesystem::create_directory(place / "ca");
  settings.smtp.tls_settings.ca_dir = place / "ca";
  auto const before = read().authorities;
  auto const other = self_signed(key, "other");
  write(place / "ca/other.pem", {other.get()});
  BOOST_TEST(read().authorities != before);
}

BOOST_AUTO_TEST_CASE(a_plan_of_before_finds_no_context_with_the_certificate_of_after) {
  show_a_certificate();
  auto const before = read();
  BOOST_TEST((tls->connection(-1, plan(before)) != nullptr));
  auto const renewed = self_signed(key, "client");
  write(place / "client.pem", {renewed.get()});
  auto const after = read();
  BOOST_TEST((tls->connection(-1, plan(before)) == nullptr));
  BOOST_TEST((tls->connection(-1, plan(after)) != nullptr));
}

BOOST_AUTO_TEST_CASE(each_site_has_its_own_files_or_those_of_all) {
  show_a_certificate();
  settings.sites["plain"].settings.tls_settings = settings.smtp.tls_settings;
  settings.sites["own"].settings.tls_settings = settings.smtp.tls_settings;
  settings.sites["own"].settings.tls_settings.certificate = place / "own.pem";
  settings.sites["own"].settings.tls_settings.key = place / "own.pem";
  auto const own = self_signed(key, "own");
  write(place / "own.pem", {own.get()}, key.get());
  auto const usual = read();
  BOOST_TEST((sites["plain"] == usual));
  BOOST_TEST(sites["own"].client_certificate != usual.client_certificate);
  BOOST_TEST(sites["own"].authorities == usual.authorities);
}

BOOST_AUTO_TEST_CASE(each_certificate_that_is_shown_is_listed_once_with_its_end) {
  show_a_certificate();
  settings.sites["same"].settings.tls_settings = settings.smtp.tls_settings;
  settings.sites["same"].settings.tls_settings.ciphers = "HIGH";
  (void)read();
  BOOST_REQUIRE(tls->shown().size() == 1U);
  BOOST_TEST(tls->shown()[0].section == "[tls]");
  BOOST_TEST(tls->shown()[0].file == settings.smtp.tls_settings.certificate);
  auto const left = tls->shown()[0].end - std::chrono::system_clock::now();
  BOOST_CHECK((left > std::chrono::minutes(0) && left <= std::chrono::hours(1)));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_one_mistake_however_many_sites_use_it) {
  settings.smtp.tls_settings.certificate = place / "missing.pem";
  for (auto const* site : {"a", "b"})
    settings.sites[site].settings.tls_settings = settings.smtp.tls_settings;
  settings.sites["b"].settings.tls_settings.sni = "none";
  BOOST_TEST(read().client_certificate.empty());
  BOOST_REQUIRE(mistakes.size() == 1U);
  BOOST_TEST(mistakes[0].starts_with("[tls] certificate "), mistakes[0]);
}

BOOST_AUTO_TEST_CASE(an_imap_profile_trusts_its_own_authorities_or_those_of_tls) {
  auto const own = self_signed(key, "another authority");
  settings.imap["own"].tls_ca_file = place / "own.pem";
  settings.imap["usual"];
  write(place / "own.pem", {own.get()});
  auto const usual = read().authorities;
  BOOST_TEST(mistakes.empty());
  BOOST_TEST(tls->trust_for_imap("")->digest == usual);
  auto const before = tls->trust_for_imap(place / "own.pem")->digest;
  BOOST_TEST(before != usual);
  BOOST_TEST(!before.empty());
  write(place / "own.pem", {own.get(), authority.get()});
  read();
  BOOST_TEST(tls->trust_for_imap(place / "own.pem")->digest != before);
  BOOST_TEST(tls->trust_for_imap("/nobody/named/this.pem") == nullptr);
}

BOOST_AUTO_TEST_CASE(authorities_of_an_imap_profile_that_are_not_there_are_a_mistake) {
  settings.imap["bounces"].tls_ca_file = place / "none.pem";
  read();
  BOOST_REQUIRE(mistakes.size() == 1U);
  BOOST_TEST(mistakes[0].starts_with("[imap.bounces] tls_ca_file: "), mistakes[0]);
  settings.imap["bounces"].tls = ImapTls::None;
  read();
  BOOST_TEST(mistakes.empty(), "nothing is verified there");
}

BOOST_AUTO_TEST_SUITE_END()
