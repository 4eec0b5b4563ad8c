#pragma once
// The class of a reply, for poolctl test-reply: of one, or of each row of a table.

#include <nlohmann/json.hpp>
#include <string>

#include "core/replies/classifier.h"
#include "poolctl/command.h"

namespace mailpool::poolctl {

/// class, what it asks for, and the line that says so; "by" is null where no rule holds.
[[nodiscard]] nlohmann::ordered_json json_of(replies::Classifier::Answer const& answer);
/// "class: rate_limited (replies.toml:12): send more slowly there ...".
[[nodiscard]] std::string line_of(replies::Classifier::Answer const& answer);

/// For each row of a table (tab-separated, a header that names the columns stage, code, enhanced
/// and text): its class, a tab, and the line that says so. Returns an exit code.
int classify_table(Context& context, replies::Classifier const& classifier,
                   std::string const& file);

}  // namespace mailpool::poolctl
