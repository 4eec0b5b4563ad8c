#pragma once
// The logins of the configuration at work: their secrets, whether those are fresh, and which of
// them servers refuse.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/config/login_settings.h"
#include "core/delivery/login_use.h"
#include "core/message/outcome.h"
#include "core/pool/reuse_key.h"
#include "core/smtp/session.h"

namespace mailpool::delivery {

/// Reads no files and runs no programs: it says which secrets are wanted, and is given them.
class Logins {
 public:
  using Nonce = std::function<std::string()>;
  using Map = std::map<std::string, LoginSettings>;

  /// Every secret is wanted anew; until it comes, the old one serves. What was refused stays
  /// refused unless it changed.
  void reconfigure(Map const& logins);
  /// Printable, never the same twice; without one SCRAM is not to be used.
  void set_nonce(Nonce nonce) { nonce_ = std::move(nonce); }

  // For whoever reads secrets.
  struct Wanted {
    std::string name;
    LoginSettings settings;
  };
  /// What is to be read now; each is handed out once.
  [[nodiscard]] std::vector<Wanted> take_wanted();
  [[nodiscard]] bool has_wanted() const { return !wanted_.empty(); }
  /// The secret, or why there is none. True if it is another one than before.
  bool take(std::string const& name, Result<Secret> secret, TimePoint now);

  // For sites.
  enum class Readiness : std::uint8_t {
    Ready,
    Reading,   ///< its secret is on its way
    Unusable,  ///< why_unusable()
  };
  /// Whether a connection may be opened with it; a secret that is too old is wanted again.
  Readiness ask(std::string const& name, TimePoint now);
  /// What ask() would answer.
  [[nodiscard]] Readiness readiness(std::string const& name, TimePoint now) const;
  [[nodiscard]] bool is_unusable(std::string const& name, TimePoint now) const;
  /// 451 4.7.8, with the server's words or ours.
  [[nodiscard]] Outcome why_unusable(std::string const& name, TimePoint now) const;
  [[nodiscard]] pool::Credential credential(LoginUse const& use) const;
  /// For a new connection to `host`; null if it is not ready.
  [[nodiscard]] std::unique_ptr<smtp::Login> login(std::string const& name, std::string host,
                                                   std::uint16_t port) const;
  /// A server refused the login of that version. True if it is the present one: it is not tried
  /// again before `retry_after`, unless it changes; a token is read again at once, but not more
  /// than once in that time, however fresh it comes.
  bool refused(std::string const& name, std::uint64_t version, Outcome outcome, TimePoint now);

  // For status.
  struct Entry {
    LoginSettings settings;
    Secret secret;
    std::uint64_t version = 0;  ///< no two secrets of any login have the same; 0: none yet
    std::string missing;        ///< why there is none
    TimePoint read_at{};
    bool is_wanted = true;  ///< being read, or about to be
    std::optional<Outcome> refusal;
    TimePoint refused_until{};
    std::optional<TimePoint> renewed_at;  ///< a refused token was last read again then

    [[nodiscard]] bool is_refused(TimePoint now) const { return refusal && now < refused_until; }
  };
  [[nodiscard]] std::map<std::string, Entry> const& all() const { return entries_; }

 private:
  void want(std::string const& name, Entry& entry);

  std::map<std::string, Entry> entries_;
  std::vector<std::string> wanted_;
  std::uint64_t last_version_ = 0;
  Nonce nonce_;
};

}  // namespace mailpool::delivery
