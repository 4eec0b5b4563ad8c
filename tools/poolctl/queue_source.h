#pragma once
// Where poolctl reads what waits: `postqueue -j` of Postfix instances, the queue directories of
// Sendmail. One entry after the other, so that a million take no memory.

#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "poolctl/command_runner.h"
#include "poolctl/queue_entry.h"

namespace mailpool::poolctl {

using EntryVisitor = std::function<void(QueueEntry const&)>;

/// How much of it could be read.
struct QueueRead {
  std::size_t entries = 0;
  std::size_t unreadable = 0;  ///< lines or files that say nothing of a message
};

/// `directory`: as with `postqueue -c`; "": Postfix's own.
[[nodiscard]] Result<QueueRead> read_postfix_queue(CommandRunner& runner,
                                                   std::string const& directory,
                                                   EntryVisitor const& visitor);

/// The directories that the sendmail.cf at `config` names.
[[nodiscard]] Result<QueueRead> read_sendmail_queue(std::string const& config,
                                                    EntryVisitor const& visitor);

}  // namespace mailpool::poolctl
