#pragma once
// The operator's questions and orders, answered from the running manager.

#include <functional>
#include <string>
#include <vector>

#include "core/control/actions.h"
#include "core/delivery/dispatcher.h"
#include "core/route/router.h"

namespace mailpool::manager {

/// What the desk cannot know from delivery alone.
class DeskSources {
 public:
  virtual ~DeskSources() = default;
  /// Fills in what belongs to the process: version, state, uptime, intake, bodies, DNS, log, map,
  /// configuration.
  virtual void fill(control::ManagerStatus& status) const = 0;
  /// The loop's turns and the process.
  virtual void measure(control::Measured& measured) const = 0;
  virtual std::vector<control::Finding> check() const = 0;
  /// `done` is called once, in a later turn of the loop, or not at all where the process ends
  /// before.
  virtual void reload(std::function<void(control::ReloadReport const&)> done) = 0;
  /// What was used of accept_rate there, at the front door; true: something was.
  virtual bool forget_accepted(control::Subject const& subject) = 0;
  virtual void drain() = 0;
  virtual void undrain() = 0;
  /// Whether what waits in the MTA's queues can be woken.
  [[nodiscard]] virtual std::vector<control::WakingStatus> waking() const = 0;
};

class ControlDesk final : public control::ControlActions {
 public:
  ControlDesk(delivery::Dispatcher& dispatcher, route::Router& router, delivery::Clock const& clock,
              Settings const& settings, DeskSources& sources)
      : dispatcher_(dispatcher),
        router_(router),
        clock_(clock),
        settings_(settings),
        sources_(sources) {}

  control::ManagerStatus status(std::size_t most) override;
  control::Measured measured(std::span<std::string const> sites) override;
  control::QueueStatus queue(std::size_t most) override;
  control::QueueStatus queued(std::uint64_t from, std::size_t most) override;
  Result<control::NameStatus> status_of(std::string const& name, std::size_t most) override;
  Result<std::vector<control::ConnectionStatus>> connections(std::string const& site,
                                                             std::size_t most) override;
  [[nodiscard]] std::unique_ptr<control::Pending> explain(
      control::Question const& question, control::ExplainListener& listener) override;
  std::vector<control::Finding> check() override { return sources_.check(); }
  Result<std::string> tls_report(std::string const& domain, std::string const& day) override;
  Result<std::string> suspend(control::Subject const& subject, Duration how_long,
                              std::string const& reason, control::Requester const& who) override;
  Result<std::string> resume(control::Subject const& subject,
                             control::Requester const& who) override;
  Result<std::string> flush(std::string const& site, control::Requester const& who) override;
  Result<std::string> drain(control::Requester const& who) override;
  Result<std::string> undrain(control::Requester const& who) override;
  control::ImapActions* imap() override { return imap_; }
  void set_imap(control::ImapActions* imap) { imap_ = imap; }
  [[nodiscard]] std::unique_ptr<control::Pending> reload(
      control::Requester const& who, control::ReloadListener& listener) override;

 private:
  friend class Explaining;
  Result<std::string> resume_level(std::string const& scope);
  [[nodiscard]] control::SiteStatus in_full(delivery::Site const& site, std::size_t most) const;
  [[nodiscard]] control::DomainStatus of_domain(std::string const& domain) const;
  [[nodiscard]] std::string no_such_site(std::string const& name) const;
  [[nodiscard]] Result<std::string> suspend_subject(control::Subject const& subject,
                                                    site::Suspension const& suspension);
  [[nodiscard]] Result<std::string> suspend_part(control::Subject const& subject,
                                                 site::Suspension const& suspension);
  [[nodiscard]] Result<std::string> suspend_site(std::string const& name,
                                                 site::Suspension const& suspension);
  [[nodiscard]] bool is_known_domain(std::string const& domain) const;
  /// The named site that lists the domain, or "".
  [[nodiscard]] std::string named_site_of(std::string const& domain) const;

  delivery::Dispatcher& dispatcher_;
  route::Router& router_;
  delivery::Clock const& clock_;
  Settings const& settings_;
  DeskSources& sources_;
  control::ImapActions* imap_ = nullptr;
};

}  // namespace mailpool::manager
