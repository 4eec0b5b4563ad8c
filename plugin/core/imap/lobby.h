#pragma once
// Where clients of [imap_dynamic] are until they have named their server.

#include <list>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/imap/profile.h"

namespace mailpool::imap {

/// Whether one of the patterns ("imap.example.com:993", "*.example.com:993") means this server.
[[nodiscard]] bool is_among(std::vector<std::string> const& patterns, std::string_view host,
                            std::uint16_t port);
/// The settings of a profile that is asked for; or why it cannot be had.
[[nodiscard]] Result<ImapSettings> settings_for(ServerRequest const& request,
                                                ImapDynamicSettings const& dynamic);

/// Who has the profiles.
class ProfileSource {
 public:
  virtual ~ProfileSource() = default;
  virtual Result<Profile*> profile_for(ServerRequest const& request, TimePoint now) = 0;
};

class Lobby final : public ClientListener {
 public:
  Lobby(ProfileSource& source, Context& context) : source_(source), context_(context) {}
  ~Lobby() override;

  Client& admit(Peer peer, TimePoint now);
  /// For those who come from now on.
  void set_client_timeout(Duration timeout) { timeout_ = timeout; }
  void send_all_away(TimePoint now);
  [[nodiscard]] std::size_t clients() const { return clients_.size() - gone_.size(); }
  void sweep();

  void on_server_request(Client& client, TimePoint now) override;
  // None of these can come before a server was named.
  void on_request(Client& client, TimePoint now) override;
  void on_loan_end(Client&, Upstream&, TimePoint) override {}
  void on_loan_too_long(Client&, Upstream&, TimePoint) override {}
  void on_waited(Client&, TimePoint) override {}
  void on_wait_ended(Client&, TimePoint) override {}
  [[nodiscard]] std::string pairs_for_id() const override { return {}; }
  void on_gone(Client& client) override { gone_.push_back(&client); }

 private:
  ProfileSource& source_;
  Context& context_;
  Duration timeout_ = ImapSettings{}.client_timeout;
  std::list<std::unique_ptr<Client>> clients_;
  std::vector<Client*> gone_;
};

}  // namespace mailpool::imap
