#pragma once
// The connections of one user of a profile, and what proves that somebody is this user.

#include <map>
#include <optional>
#include <string>

#include "core/imap/demand.h"
#include "core/imap/login_request.h"
#include "core/imap/upstream.h"
#include "core/imap/verifier.h"
#include "core/pool/pool.h"

namespace mailpool::imap {

/// Who a pool is for: a login without its secret.
struct UserKey {
  std::string user;
  std::string authzid;
  SecretKind kind = SecretKind::Password;
  auto operator<=>(UserKey const&) const = default;
};

/// A duration as it usually is: an average that forgets.
class Usual {
 public:
  void add(Duration d) { value_ = value_ == Duration::zero() ? d : value_ + (d - value_) / 8; }
  [[nodiscard]] Duration value() const { return value_; }

 private:
  Duration value_{};
};

class UserPool {
 public:
  explicit UserPool(UserKey key) : key_(std::move(key)) {}

  [[nodiscard]] UserKey const& key() const { return key_; }
  [[nodiscard]] pool::Pool& connections() { return pool_; }
  [[nodiscard]] pool::Pool const& connections() const { return pool_; }
  [[nodiscard]] std::size_t count(pool::ConnectionState state) const { return pool_.count(state); }

  /// Whether the server said yes to this secret, not longer than `for_how_long` ago. Takes as long
  /// where nothing is known.
  [[nodiscard]] bool believes(Verifier const& verifier, Duration for_how_long, TimePoint now) const;
  /// Whether it is the secret that was last good, however long ago.
  [[nodiscard]] bool remembers(Verifier const& verifier) const {
    return is_same(verifier, verifier_ ? &*verifier_ : nullptr);
  }
  [[nodiscard]] bool has_verifier() const { return verifier_.has_value(); }
  /// The server said yes. With another secret than before a new generation begins: connections of
  /// the old one are not lent any more.
  void note_success(Verifier const& verifier, TimePoint now);
  /// The server said no to the secret that was believed, or an operator wants it asked again.
  void forget();
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

  /// A server takes no more logins of this user for now: the next is tried there after a while,
  /// which grows until one succeeds.
  void put_off_logins(std::size_t server, TimePoint now);
  void note_login(std::size_t server) { put_offs_.erase(server); }
  [[nodiscard]] bool is_put_off(std::size_t server, TimePoint now) const {
    return now < put_off_until(server);
  }
  /// In the past where it takes them.
  [[nodiscard]] TimePoint put_off_until(std::size_t server) const;
  /// The servers are others now.
  void forget_put_offs() { put_offs_.clear(); }

  /// Whether a login with this secret is on its way.
  [[nodiscard]] bool is_trying(Verifier const& verifier) const;
  /// Logins on their way that have to prove their secret.
  [[nodiscard]] std::size_t proofs() const;
  /// Those of them that this uid asked for.
  [[nodiscard]] std::size_t proofs_for(std::uint32_t uid) const;

  Shortage shortage;  ///< of connections, for those whose secret is believed

  // Figures.
  Usual loan;
  Usual login;
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t logins_refused = 0;
  DiscardCounts discarded{};
  std::string last_error;
  std::size_t waiting = 0;  ///< clients
  TimePoint used_at{};

 private:
  UserKey key_;
  pool::Pool pool_;
  std::optional<Verifier> verifier_;
  TimePoint verified_at_{};
  std::uint64_t generation_ = 1;
  struct PutOff {
    TimePoint until{};
    unsigned times = 0;  ///< one after another
  };
  std::map<std::size_t, PutOff> put_offs_;  ///< by server
};

}  // namespace mailpool::imap
