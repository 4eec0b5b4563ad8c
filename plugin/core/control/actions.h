#pragma once
// What an operator can ask of the manager, and who asks. The manager implements it; tests use a
// fake.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/control/measured.h"
#include "core/control/snapshot.h"

namespace mailpool::control {

/// Who is at the other end of the control socket, as the kernel says.
struct Requester {
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::string name = {};  ///< of the user, where it stands in the configuration
  /// For people: "root", or "uid 1000".
  [[nodiscard]] std::string text() const {
    return name.empty() ? "uid " + std::to_string(uid) : name;
  }
};

/// A site, a recipient domain, a tenant, or all mail.
struct Subject {
  std::string name;  ///< lower case; a domain that is not ASCII is as the operator typed it
  bool is_domain = false;
  bool is_tenant = false;
  /// Of the site's mail only that of "sender_domain example.org", "source west" or "campaign
  /// spring"; without a name that level itself, or "total" (which only resume takes).
  std::string scope = {};
  bool is_all = false;  ///< it has no name then
};

/// Whose way is to be explained.
struct Question {
  std::string address;        ///< the recipient
  std::string sender;         ///< the envelope's sender, "" if it does not matter
  std::string tenant;         ///< as a header would say it; "": the sender's
  std::string campaign = {};  ///< likewise; "": none
};

/// How a reload went.
struct ReloadReport {
  bool is_applied = false;
  std::vector<std::string> mistakes;  ///< FILE:LINE: what is wrong, and what would be right
  std::vector<std::string>
      needs_restart;  ///< options that changed and take effect at a restart only
  std::vector<std::string> warnings;
};

/// A question under way; dropping it means that the answer is not wanted any more, and none comes.
class Pending {
 public:
  virtual ~Pending() = default;
};

/// Who asked for an explanation.
class ExplainListener {
 public:
  virtual ~ExplainListener() = default;
  virtual void on_explained(Result<Explanation> answer) = 0;
};

/// Who asked for a reload.
class ReloadListener {
 public:
  virtual ~ReloadListener() = default;
  virtual void on_reloaded(ReloadReport const& report) = 0;
};

/// Every call returns at once: looking copies numbers, changing takes effect before the return or
/// begins. An error is a sentence for the operator, with the nearest known name where one was
/// mistyped. Changes return a sentence that says what is so now; the audit line in the log is
/// written by the caller.
class ControlActions {
 public:
  virtual ~ControlActions() = default;

  /// At most `most` rows of sites, the most urgent.
  virtual ManagerStatus status(std::size_t most) = 0;
  /// Beside status, of these sites.
  virtual Measured measured(std::span<std::string const> sites);
  /// A site, domain or door by its name; at most `most` domains.
  virtual Result<NameStatus> status_of(std::string const& name, std::size_t most) = 0;
  /// Of one site, or of all for ""; at most `most`.
  virtual Result<std::vector<ConnectionStatus>> connections(std::string const& site,
                                                            std::size_t most) = 0;
  /// The answer may come before the call returns; the result is then null. It comes exactly once
  /// unless the result is dropped first; so a client that went away is never called.
  [[nodiscard]] virtual std::unique_ptr<Pending> explain(Question const& question,
                                                         ExplainListener& listener) = 0;
  /// What waits in the MTA's queue: at most `most` rows of sites.
  virtual QueueStatus queue(std::size_t most);
  /// The messages themselves, a page of at most `most` from place `from` on.
  virtual QueueStatus queued(std::uint64_t from, std::size_t most);
  /// What the manager itself finds: configuration, sockets it holds, DNS, the map.
  virtual std::vector<Finding> check() = 0;

  /// The TLS report (RFC 8460) of a domain and a day, as JSON; `day` is "2026-11-21", or "" for
  /// today.
  virtual Result<std::string> tls_report(std::string const& domain, std::string const& day);

  virtual Result<std::string> suspend(Subject const& subject, Duration how_long,
                                      std::string const& reason, Requester const& who) = 0;
  virtual Result<std::string> resume(Subject const& subject, Requester const& who) = 0;
  /// Closes the idle connections of a site.
  virtual Result<std::string> flush(std::string const& site, Requester const& who) = 0;
  /// Answers new messages 451 and closes connections as they become idle; undrain takes it back.
  virtual Result<std::string> drain(Requester const& who) = 0;
  virtual Result<std::string> undrain(Requester const& who) = 0;
  /// The file and what it names are read beside everything else. The answer comes as that of
  /// explain does; a reload goes on without its listener.
  [[nodiscard]] virtual std::unique_ptr<Pending> reload(Requester const& who,
                                                        ReloadListener& listener) = 0;
  /// The IMAP pools; null where there are none.
  virtual ImapActions* imap() { return nullptr; }
};

}  // namespace mailpool::control
