#pragma once
// poolctl test-reply: which rule of the configuration a reply would meet, and what it would do.

#include "poolctl/command.h"

namespace mailpool::poolctl {

[[nodiscard]] CommandRow test_reply_command();

}  // namespace mailpool::poolctl
