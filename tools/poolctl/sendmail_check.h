#pragma once
// What `poolctl sendmail check` judges: a sendmail.cf against what mailpool needs of it, and the
// socket as Sendmail sees it.

#include <cstdint>
#include <string>
#include <vector>

#include "core/control/snapshot.h"
#include "poolctl/sendmail_config.h"

namespace mailpool::poolctl {

inline constexpr char const* default_sendmail_cf = "/etc/mail/sendmail.cf";

/// How many queue runners one domain can hold up: [smtp] max_connections and max_waiting together.
struct HeldUp {
  std::uint32_t max_connections = 10;
  std::uint32_t max_waiting = 200;
  [[nodiscard]] std::uint32_t runners() const { return max_connections + max_waiting; }
};

/// Looks at the text alone.
[[nodiscard]] std::vector<control::Finding> judge_sendmail(SendmailConfig const& config,
                                                           HeldUp const& one_domain);

/// Looks at the machine: Sendmail follows no link, wants a socket with one name, and directories
/// that neither group nor others can write (safefile(), SFF_SAFEDIRPATH|SFF_NOLINK).
[[nodiscard]] std::vector<control::Finding> judge_socket_for_sendmail(std::string const& path);

}  // namespace mailpool::poolctl
