#pragma once
// What waits in the MTA's queue, counted: for what, since when, and whose it is. What the manager
// remembers of a message says most; of others their reasons tell.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/control/snapshot.h"
#include "core/parking/register.h"
#include "poolctl/queue_entry.h"

namespace mailpool::poolctl {

/// What the manager remembers of messages, by queue id; as large as its register.
class RememberedMessages {
 public:
  struct Message {
    std::uint32_t site = 0;
    std::uint32_t tenant = 0;
    std::uint32_t campaign = 0;
    parking::Why why = parking::Why::Other;
  };
  void add(control::ParkedMessage const& message);
  [[nodiscard]] Message const* find(std::string const& id) const;
  [[nodiscard]] std::string const& name(std::uint32_t number) const { return names_[number]; }
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }

 private:
  std::uint32_t number_of(std::string const& name);
  std::unordered_map<std::string, Message> by_id_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
};

/// One message at one site.
struct Waiter {
  std::string site;      ///< "" where nobody knows
  std::string tenant;    ///< likewise
  std::string campaign;  ///< likewise
  parking::Why why = parking::Why::Other;
  QueueEntry const* entry = nullptr;
  QueuedRecipient const* recipient = nullptr;  ///< the first there
};

/// A message with recipients at several sites waits at each of them, once.
[[nodiscard]] std::vector<Waiter> waiters_of(QueueEntry const& entry,
                                             RememberedMessages const& remembered);

/// The site in a reason that mailpool gave, or that names a site's door; "" where it tells none.
[[nodiscard]] std::string site_told(std::string_view reason);

/// Which messages are meant; "" is any.
struct QueueSelection {
  std::string site;
  std::string tenant;
  std::string campaign;
  std::string sender;  ///< an address, or "@domain"
  std::string domain;  ///< of a recipient
  std::string reason;  ///< a word of parking::name_of
  [[nodiscard]] bool is_everything() const {
    return site.empty() && tenant.empty() && campaign.empty() && sender.empty() && domain.empty() &&
           reason.empty();
  }
  [[nodiscard]] bool takes(Waiter const& waiter) const;
};

struct QueueCounts {
  std::uint64_t messages = 0;
  std::uint64_t active = 0;                           ///< being tried
  std::uint64_t held = 0;                             ///< by hand
  std::array<std::uint64_t, parking::whys> by_why{};  ///< of the others
  std::int64_t oldest = 0;                            ///< seconds of the epoch
  void add(Waiter const& waiter);
};

struct QueueReport {
  QueueCounts all;
  std::map<std::string, QueueCounts> by_site;
  std::map<std::string, QueueCounts> by_tenant;    ///< of those whose tenant is known
  std::map<std::string, QueueCounts> by_campaign;  ///< likewise
  void add(Waiter const& waiter);
};

}  // namespace mailpool::poolctl
