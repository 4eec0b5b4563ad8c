#pragma once
// A message in the MTA's queue, as `postqueue -j` or a qf file of Sendmail tells of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailpool::poolctl {

struct QueuedRecipient {
  std::string address;
  std::string reason;  ///< why it was deferred; "": it was not, or nobody knows
};

struct QueueEntry {
  std::string queue;  ///< Postfix's word: "incoming", "active", "deferred", "hold", ...
  std::string id;
  std::int64_t arrived = 0;  ///< seconds of the epoch
  std::uint64_t size = 0;
  std::string sender;  ///< "" for the null sender
  std::vector<QueuedRecipient> recipients;
};

/// A line of `postqueue -j`. Nothing: it is none.
[[nodiscard]] std::optional<QueueEntry> read_queue_line(std::string_view line);

/// A control file of Sendmail's queue, without the data (Sendmail Installation and Operation Guide,
/// appendix B). `name` is the file's: qfID. Nothing: it is none, or one that is just being written.
[[nodiscard]] std::optional<QueueEntry> read_control_file(std::string_view name,
                                                          std::string_view text);

}  // namespace mailpool::poolctl
