#pragma once
// The client's side of TLS as the options have it: a context for each combination of them, the
// authorities that are trusted, the certificate that is shown.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/config/settings.h"
#include "core/tls/policy.h"
#include "manager/tls.h"

namespace mailpool::manager {

/// Made when a configuration is read, off the loop, since it reads files; never changes.
class TlsClient {
 public:
  /// Authorities as they were read.
  struct Trust {
    std::unique_ptr<X509_STORE, SslDeleter> store;
    std::string digest;
  };

  /// For every site's options, whose TlsFiles it fills in, and the authorities of IMAP profiles.
  /// What is wrong with a file or a list of ciphers goes to `mistakes`; a list of authorities that
  /// is not there to `warnings`.
  static std::shared_ptr<TlsClient const> make(Settings& settings,
                                               std::vector<std::string>& mistakes,
                                               std::vector<std::string>& warnings);

  /// A new connection over `fd`, told what the plan says. Null when out of memory, or for options
  /// that this client was not made for. No certificate makes the handshake fail: what it proved is
  /// asked for afterwards.
  [[nodiscard]] SslPtr connection(int fd, tls::Plan const& plan) const;
  /// A certificate that servers are shown.
  struct Shown {
    std::string section;  ///< "[tls]", "[site.NAME] tls:"
    std::string file;
    WallTime end;
  };
  /// Each once, under the first section that has it.
  [[nodiscard]] std::vector<Shown> const& shown() const { return shown_; }
  /// The authorities of [mta_sts].
  [[nodiscard]] X509_STORE* trust_for_sts() const { return sts_trust_; }
  /// Those of an IMAP profile with this tls_ca_file; null if no profile named it.
  [[nodiscard]] Trust const* trust_for_imap(std::string const& tls_ca_file) const;

 private:
  using Context = std::unique_ptr<SSL_CTX, SslDeleter>;
  using Places = std::pair<std::string, std::string>;  ///< ca_file and ca_dir
  class Maker;

  std::map<Places, Trust> trusts_;
  std::map<std::string, Places> imap_;  ///< by tls_ca_file
  /// By tls::digest_of() and the digest of the client's certificate.
  std::map<std::pair<std::string, std::string>, Context> contexts_;
  std::vector<Shown> shown_;
  X509_STORE* sts_trust_ = nullptr;
};

}  // namespace mailpool::manager
