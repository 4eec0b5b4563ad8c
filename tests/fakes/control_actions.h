#pragma once
// A manager that only remembers what an operator asked of it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/control/actions.h"

namespace mailpool::tests {

class FakeActions final : public control::ControlActions, public control::ImapActions {
 public:
  control::ManagerStatus manager;
  std::optional<std::string> refusal;  ///< what changes and look-ups are refused with
  std::vector<std::string> asked;      ///< one line a call
  control::ReloadReport report{true, {}, {}, {}};
  std::vector<control::Finding> findings;

  /// Explanations wait until answer_explanations(), unless this is set.
  bool explains_at_once = true;
  std::size_t explanations_waiting = 0;

  /// Reloads wait until answer_reloads(), unless this is set.
  bool reloads_at_once = true;
  std::vector<control::ReloadListener*> reloads_waiting;

  void answer_reloads() {
    for (auto* waiting : std::exchange(reloads_waiting, {})) waiting->on_reloaded(report);
  }
  void answer_explanations() {
    for (auto* waiting : std::exchange(waiting_, {})) waiting->tell();
  }

  control::ManagerStatus status(std::size_t most) override {
    asked.push_back("status " + std::to_string(most));
    return manager;
  }
  Result<control::NameStatus> status_of(std::string const& name, std::size_t) override {
    asked.push_back("status_of " + name);
    if (refusal) return failed(*refusal);
    control::NameStatus found;
    found.name = name;
    found.kind = "site";
    found.sites.emplace_back().site = name;
    return found;
  }
  Result<std::vector<control::ConnectionStatus>> connections(std::string const& site,
                                                             std::size_t) override {
    asked.push_back("connections " + site);
    if (refusal) return failed(*refusal);
    std::vector<control::ConnectionStatus> rows(1);
    rows[0].site = "google";
    return rows;
  }
  std::unique_ptr<control::Pending> explain(control::Question const& question,
                                            control::ExplainListener& listener) override {
    auto const& address = question.address;
    asked.push_back("explain " + address);
    if (explains_at_once) {
      listener.on_explained(explained(address));
      return nullptr;
    }
    return std::make_unique<Waiting>(*this, address, listener);
  }
  control::QueueStatus queue(std::size_t most) override {
    asked.push_back("queue " + std::to_string(most));
    return {};
  }
  control::QueueStatus queued(std::uint64_t from, std::size_t) override {
    asked.push_back("queue from " + std::to_string(from));
    return {};
  }
  std::vector<control::Finding> check() override {
    asked.emplace_back("check");
    return findings;
  }
  Result<std::string> suspend(control::Subject const& subject, Duration how_long,
                              std::string const& reason, control::Requester const&) override {
    return change("suspend " + text_of(subject) + " " + to_text(how_long) + " " + reason);
  }
  Result<std::string> resume(control::Subject const& subject, control::Requester const&) override {
    return change("resume " + text_of(subject));
  }
  Result<std::string> flush(std::string const& site, control::Requester const&) override {
    return change("flush " + site);
  }
  Result<std::string> drain(control::Requester const&) override { return change("drain"); }
  Result<std::string> undrain(control::Requester const&) override { return change("undrain"); }
  Result<std::string> tls_report(std::string const& domain, std::string const&) override {
    asked.push_back("tls-report " + domain);
    return std::string("{}");
  }
  control::ImapActions* imap() override { return this; }
  control::ImapStatus imap_status(std::size_t, std::string const& user) override {
    asked.emplace_back(user.empty() ? "imap" : "imap " + user);
    return {};
  }
  std::vector<control::ImapConnectionStatus> imap_connections(std::size_t) override {
    asked.emplace_back("imap connections");
    return {};
  }
  Result<std::string> imap_flush(std::string const& user) override {
    return change("imap flush " + user);
  }
  Result<std::string> imap_kill(std::string const& id) override {
    return change("imap kill " + id);
  }
  Result<std::string> imap_pause(std::string const& profile) override {
    return change("imap pause " + profile);
  }
  Result<std::string> imap_resume(std::string const& profile) override {
    return change("imap resume " + profile);
  }
  std::unique_ptr<control::Pending> reload(control::Requester const&,
                                           control::ReloadListener& listener) override {
    asked.emplace_back("reload");
    if (reloads_at_once) {
      listener.on_reloaded(report);
      return nullptr;
    }
    return std::make_unique<Reloading>(*this, listener);
  }

 private:
  class Reloading final : public control::Pending {
   public:
    Reloading(FakeActions& owner, control::ReloadListener& listener)
        : owner_(owner), listener_(listener) {
      owner_.reloads_waiting.push_back(&listener_);
    }
    ~Reloading() override { std::erase(owner_.reloads_waiting, &listener_); }
    Reloading(Reloading const&) = delete;
    Reloading& operator=(Reloading const&) = delete;

   private:
    FakeActions& owner_;
    control::ReloadListener& listener_;
  };
  class Waiting final : public control::Pending {
   public:
    Waiting(FakeActions& owner, std::string address, control::ExplainListener& listener)
        : owner_(owner), address_(std::move(address)), listener_(listener) {
      owner_.waiting_.push_back(this);
      ++owner_.explanations_waiting;
    }
    ~Waiting() override {
      std::erase(owner_.waiting_, this);
      --owner_.explanations_waiting;
    }
    Waiting(Waiting const&) = delete;
    Waiting& operator=(Waiting const&) = delete;
    void tell() { listener_.on_explained(explained(address_)); }

   private:
    FakeActions& owner_;
    std::string address_;
    control::ExplainListener& listener_;
  };

  static control::Explanation explained(std::string const& address) {
    control::Explanation way;
    way.address = address;
    way.site = "google";
    return way;
  }
  static std::string text_of(control::Subject const& subject) {
    if (subject.is_all) return "all";
    return (subject.is_domain ? "domain " : subject.is_tenant ? "tenant " : "site ") + subject.name;
  }
  Result<std::string> change(std::string what) {
    asked.push_back(what);
    if (refusal) return failed(*refusal);
    return "did " + what;
  }

  std::vector<Waiting*> waiting_;
};

}  // namespace mailpool::tests
