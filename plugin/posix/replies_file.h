#pragma once
// Finds and reads the rules of classes of replies: the operator's own first, then those that ship.

#include <string>
#include <vector>

#include "core/replies/load_rules.h"

namespace mailpool::posix {

/// Those of the operator; may be missing.
inline constexpr auto own_replies = "/etc/mailpool/replies.toml";
/// Those of the package.
inline constexpr auto shipped_replies = "/usr/share/mailpool/replies.toml";

/// `files` in their order, or, where it is empty, own_replies and shipped_replies; a program of a
/// build tree finds the latter in conf/ of its sources. May block on the disk. A file that cannot
/// be read is a mistake.
[[nodiscard]] replies::LoadedRules load_reply_rules(std::vector<std::string> const& files = {});

}  // namespace mailpool::posix
