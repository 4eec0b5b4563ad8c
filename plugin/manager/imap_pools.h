#pragma once
// The IMAP side of the manager: profiles, the sockets where programs connect, and who may.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/imap/lobby.h"
#include "core/imap/profile.h"
#include "manager/configuration.h"
#include "manager/imap_channel.h"
#include "manager/imap_memory.h"
#include "manager/imap_tokens.h"
#include "manager/loop.h"
#include "manager/unix_listener.h"

namespace mailpool::manager {

/// OpenSSL's random numbers.
class SystemEntropy final : public imap::Entropy {
 public:
  void fill(std::span<std::uint8_t> octets) override;
};

class ImapPools final : private imap::ProfileSource {
 public:
  ImapPools(Loop& loop, route::Resolver& resolver, Log& log, state::Store& store,
            imap::Reset reset = imap::Reset::On);
  ~ImapPools() override;
  ImapPools(ImapPools const&) = delete;
  ImapPools& operator=(ImapPools const&) = delete;

  /// Opens and closes sockets, takes over settings; the first thing that could not be done.
  Result<void> reconfigure(Configuration& configuration);
  /// New clients are told so, connections say LOGOUT as they become idle; loans end at `until`.
  void drain(TimePoint until);
  void undrain();
  void stop();
  /// Accepts again after a rest for want of file descriptors; called once a second.
  void end_rest();

  /// At the end of a turn: decides and writes; says whether there is more to do.
  void run(TimePoint now);
  /// After a change from outside.
  void end_turn_soon() { loop_.end_turn_soon(); }
  [[nodiscard]] bool has_work() const;
  void sweep();
  [[nodiscard]] TimePoint deadline() const;
  [[nodiscard]] bool is_empty() const;

  [[nodiscard]] std::map<std::string, std::unique_ptr<imap::Profile>> const& profiles() const {
    return profiles_;
  }
  /// Until when the certificate is valid that a server last showed; nothing known: WallTime{}.
  [[nodiscard]] WallTime certificate_until(std::string const& host) {
    return channels_.tls().certificate_until(host);
  }
  [[nodiscard]] std::uint64_t peers_refused() const { return peers_refused_; }
  [[nodiscard]] std::vector<std::string> places() const;
  /// Of dynamic profiles that nobody used any more.
  [[nodiscard]] imap::Totals const& forgotten() const { return forgotten_; }

 private:
  struct Listener;
  Result<imap::Profile*> profile_for(imap::ServerRequest const& request, TimePoint now) override;
  [[nodiscard]] std::unique_ptr<imap::Profile> make_profile(ImapSettings const& settings);
  void reconfigure(imap::Profile& profile, ImapSettings const& settings);
  void forget_unused(TimePoint now);
  void take_token(std::string const& profile, Secret token);
  static void on_accept(evutil_socket_t fd, short, void* self);
  Result<void> listen(std::string const& place, std::string const& profile, bool is_account,
                      ImapSettings const& settings);
  void accept_some(Listener& listener, TimePoint now);
  void greet(Listener& listener, int fd, TimePoint now);
  void set_accepting();
  [[nodiscard]] bool may_accept(Listener const& listener) const;
  void refuse_peer(Listener const& listener, int fd, std::string const& why, TimePoint now);
  void rest_for_descriptors(std::string_view what, TimePoint now);
  std::size_t give_up_idle(TimePoint now);
  template <class Do>
  void for_each_profile(Do&& act);

  Loop& loop_;
  Log& log_;
  SystemEntropy entropy_;
  ImapChannels channels_;
  ImapMemory memory_;
  imap::Context context_;
  std::map<std::string, std::unique_ptr<imap::Profile>> profiles_;
  std::vector<std::unique_ptr<imap::Profile>> leaving_;  ///< gone from the settings, not yet empty
  std::map<std::string, ImapAccess> access_;
  ImapTokens tokens_;
  ImapDynamicSettings dynamic_;
  std::unique_ptr<imap::Lobby> lobby_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  imap::Totals forgotten_;
  TimePoint last_refusal_logged_{};
  TimePoint shortage_logged_{};
  TimePoint loans_end_at_ = never;
  std::uint64_t peers_refused_ = 0;
  bool is_draining_ = false;
  bool rests_ = false;
};

}  // namespace mailpool::manager
